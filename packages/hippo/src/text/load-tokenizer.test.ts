import { readFileSync } from 'node:fs';
import { encode as encodeByPackage } from 'gpt-tokenizer/encoding/r50k_base';
import { describe, expect, it } from 'vitest';
import { gpt2Table, gpt2Tokenizer } from './gpt2-tokenizer.ts';
import { loadTokenizer } from './load-tokenizer.ts';
import { trainBytePairs } from './train-byte-pairs.ts';

const character = '{"tokenizer_class":"HippoCharacterTokenizer"}';
const gpt2 = '{"tokenizer_class":"GPT2TokenizerFast","model_max_length":1024}';

/** GPT-2's vocab.json, its bytes written as printable letters. */
async function publishedVocabulary(): Promise<Record<string, number>> {
  const plain = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  const letters = new Map<number, string>();
  for (let byte = 0, extra = 256; byte < 256; byte++)
    letters.set(byte, String.fromCharCode(plain(byte) ? byte : extra++));
  const entries = (await gpt2Table()).tokens.map(
    (bytes, id) => [Array.from(bytes, (byte) => letters.get(byte)).join(''), id] as const,
  );
  return Object.fromEntries([...entries, ['<|endoftext|>', 50256]]);
}

describe('loadTokenizer', () => {
  it("reads GPT-2's own folder, and refuses another vocabulary that comes alone", async () => {
    const vocabulary = await publishedVocabulary();
    expect(vocabulary).toMatchObject({ '!': 0, Ġthe: 262, Ċ: 198, Ġgazed: 50255 });
    const load = (given: Record<string, number>) =>
      loadTokenizer({ 'tokenizer_config.json': gpt2, 'vocab.json': JSON.stringify(given) });
    expect((await load(vocabulary)).kind).toBe('gpt2');
    await expect(load({ ...vocabulary, Ġthe: 263 })).rejects.toThrow(`GPT-2's has "Ġthe" as id 262; got 263`);
    await expect(load({ a: 0 })).rejects.toThrow("GPT-2's has 50257 tokens; got 1");
    await expect(load({ a: 0 })).rejects.toThrow('needs its merges.txt or tokenizer.json');
  });

  it('reads another vocabulary under the name of GPT-2, from merges.txt or tokenizer.json', async () => {
    const trained = trainBytePairs(['low lower lowest low lower', 'new newer newest'], { vocabularySize: 300 });
    const json = JSON.parse(trained.files()['tokenizer.json'] ?? '') as {
      model: { vocab: Record<string, number>; merges: string[] };
    };
    const files = {
      'tokenizer_config.json': gpt2,
      'vocab.json': JSON.stringify(json.model.vocab),
      'merges.txt': `#version: 0.2\n${json.model.merges.join('\n')}\n`,
    };
    const text = 'the lowest\n  newer <|endoftext|> 日本\uFEFF';
    for (const given of [files, { ...trained.files(), 'tokenizer_config.json': gpt2 }]) {
      const tokenizer = await loadTokenizer(given);
      expect([tokenizer.kind, tokenizer.vocabularySize, tokenizer.endOfText]).toEqual([
        'json',
        trained.vocabularySize,
        trained.endOfText,
      ]);
      expect(tokenizer.encode(text)).toEqual(trained.encode(text));
      expect(tokenizer.decode([...trained.encode(text), trained.endOfText ?? -1])).toBe(`${text}<|endoftext|>`);
      const again = await loadTokenizer(tokenizer.files());
      expect(again.encode(text)).toEqual(trained.encode(text));
    }
    const spaced = await loadTokenizer({
      ...files,
      'tokenizer_config.json': '{"tokenizer_class":"GPT2Tokenizer","add_prefix_space":true}',
    });
    expect(spaced.encode('low')).toEqual(trained.encode(' low'));
    const extended = await loadTokenizer({ ...files, 'added_tokens.json': `{"[tool]":${trained.vocabularySize}}` });
    expect([...extended.encode('[tool]')]).toEqual([trained.vocabularySize]);
    const load = (change: Record<string, string>) => loadTokenizer({ ...files, ...change });
    await expect(load({ 'merges.txt': 'a b c' })).rejects.toThrow('merges.txt: lines must be two tokens');
    await expect(load({ 'vocab.json': '{"a":0,"b":0}' })).rejects.toThrow('ids must be distinct whole numbers; got 0');
  });

  it("writes GPT-2's files so that the library reads them with the same ids", async () => {
    const own = await gpt2Tokenizer();
    const files = own.files();
    expect((await loadTokenizer(files)).kind).toBe('gpt2');
    // Under another class the same file goes through the library.
    const library = await loadTokenizer({ 'tokenizer.json': files['tokenizer.json'] });
    expect([library.kind, library.vocabularySize, library.endOfText]).toEqual(['json', 50_257, 50_256]);
    const text = readFileSync(new URL('../../../../data/tiny-shakespeare.txt', import.meta.url), 'utf8');
    const sample = `${text.slice(0, 200_000)} naïve café 東京は日本の 👩‍👩‍👧‍👦 3.14159 \uFEFF x\u0085`;
    expect(library.encode(sample)).toEqual(own.encode(sample));
    const words = [...new Set(text.match(/\S+/g))].slice(0, 5000);
    expect(words).toHaveLength(5000);
    for (const word of words) expect([...library.encode(` ${word}`)]).toEqual(encodeByPackage(` ${word}`));
    const json = JSON.parse(files['tokenizer.json'] ?? '') as { model: { merges: string[] } };
    expect(json.model.merges).toHaveLength(50_000);
    // The first lines of the published merges.txt, and its last.
    expect(json.model.merges.slice(0, 6)).toEqual(['Ġ t', 'Ġ a', 'h e', 'i n', 'r e', 'o n']);
    expect(json.model.merges.at(-1)).toBe('Ġg azed');
  });

  it.each([
    [{}, 'tokenizer-missing', 'the file is missing'],
    [{ 'tokenizer_config.json': undefined }, 'tokenizer-missing', 'tokenizer_config.json'],
    [{ 'tokenizer_config.json': '{' }, 'tokenizer-json', 'got no JSON'],
    [{ 'tokenizer_config.json': '[1]' }, 'tokenizer-json', 'must be a JSON object; got [1]'],
    [{ 'tokenizer_config.json': '{"tokenizer_class":"Nope"}' }, 'tokenizer-class', 'got "Nope"'],
    [{ 'tokenizer_config.json': character }, 'tokenizer-missing', 'vocab.json'],
    [{ 'tokenizer_config.json': character, 'vocab.json': '{}' }, 'tokenizer-vocabulary', 'at least one character'],
    [{ 'tokenizer_config.json': character, 'vocab.json': '{"a":0,"b":0}' }, 'tokenizer-vocabulary', 'got id 0 for "b"'],
    [{ 'tokenizer_config.json': character, 'vocab.json': '{"ab":0}' }, 'tokenizer-vocabulary', 'got "ab"'],
  ])('refuses %j', async (files, code, sentence) => {
    const failure = await loadTokenizer(files).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'CheckpointError', code });
    expect(String(failure)).toContain(sentence);
  });
});
