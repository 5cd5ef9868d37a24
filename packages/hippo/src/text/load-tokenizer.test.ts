import { describe, expect, it } from 'vitest';
import { gpt2TokenBytes } from './gpt2-tokenizer.ts';
import { loadTokenizer } from './load-tokenizer.ts';

const character = '{"tokenizer_class":"HippoCharacterTokenizer"}';
const gpt2 = '{"tokenizer_class":"GPT2TokenizerFast","model_max_length":1024}';

/** GPT-2's vocab.json, its bytes written as printable letters. */
async function publishedVocabulary(): Promise<Record<string, number>> {
  const plain = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  const letters = new Map<number, string>();
  for (let byte = 0, extra = 256; byte < 256; byte++)
    letters.set(byte, String.fromCharCode(plain(byte) ? byte : extra++));
  const entries = (await gpt2TokenBytes()).map(
    (bytes, id) => [Array.from(bytes, (byte) => letters.get(byte)).join(''), id] as const,
  );
  return Object.fromEntries([...entries, ['<|endoftext|>', 50256]]);
}

describe('loadTokenizer', () => {
  it("reads GPT-2's own folder, and refuses another vocabulary under its name", async () => {
    const vocabulary = await publishedVocabulary();
    expect(vocabulary).toMatchObject({ '!': 0, Ġthe: 262, Ċ: 198, Ġgazed: 50255 });
    const load = (given: Record<string, number>) =>
      loadTokenizer({ 'tokenizer_config.json': gpt2, 'vocab.json': JSON.stringify(given) });
    expect((await load(vocabulary)).kind).toBe('gpt2');
    await expect(load({ ...vocabulary, Ġthe: 263 })).rejects.toThrow(`GPT-2's has "Ġthe" as id 262; got 263`);
    await expect(load({ a: 0 })).rejects.toThrow("GPT-2's has 50257 tokens; got 1");
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
