// Checkpoint files at the command line, as a person has them: the official script's own flags, older files, conversion, and what is
// said when flags and tensors disagree.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { characterTokenizer, createStore, languageModel, openDevice, safetensorsPieces } from 'hippo';
import { replaceFile, tensorsOf } from 'hippo/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const binary = fileURLToPath(new URL('../../bin/hippo.js', import.meta.url));
const golden = (file: string): string =>
  fileURLToPath(new URL(`../../../hippo/testdata/golden/${file}`, import.meta.url));

let folder = '';
const at = (name: string): string => join(folder, name);

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function hippo(...words: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [binary, ...words], {
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '', HIPPO_THREADS: '1' },
    });
    const outcome = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      outcome.out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      outcome.err += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...outcome }));
  });
}

/** The flags of the official script for the tiny golden model, and the vocabulary without its padding. */
const official = '--dmodel 32 --nlayer 4 --attn-layer-idx 1 --nheads 4'.split(' ');
const tiny = [...official, '--vocab-size', '97'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hippo-checkpoints-'));
  await mkdir(at('letters'));
  for (const [name, text] of Object.entries(characterTokenizer('abcdefghijklmnopqrstuvwxyz \n').files()))
    await writeFile(join(at('letters'), name), text);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a bare file of weights', () => {
  it('has the scores of its folder, whatever its format and the age of its names', async () => {
    const words = ['--ids', '5,17,3', '--json', ...tiny];
    const [safetensors, pytorch, legacy] = [
      await hippo('logits', '--model', golden('h3-lm-tiny.safetensors'), ...words),
      await hippo('logits', '-m', golden('h3-lm-tiny.pt'), ...words),
      await hippo('logits', '--ckpt', golden('h3-lm-tiny.legacy.ckpt'), ...words),
    ];
    expect(safetensors.code).toBe(0);
    expect(JSON.parse(safetensors.out).shape).toEqual([3, 104]);
    expect(pytorch.out).toBe(safetensors.out);
    expect(legacy.out).toBe(safetensors.out);
    expect(legacy.err).toContain('names of H3, older order of norms');
    expect(legacy.err).toContain('num_heads 4: given');
  });

  it('generates with the flags of the official script, and a tokenizer that is named', async () => {
    const words = ['generate', '--ckpt', golden('h3-lm-tiny.legacy.ckpt'), ...official, '--tokenizer', at('letters')];
    const { code, out, err } = await hippo(
      ...words,
      '--vocab-size',
      '28',
      '--prompt',
      'to be',
      '--genlen',
      '20',
      '--top_p',
      '0.9',
      '--top_k',
      '50',
    );
    expect(err).not.toContain('hippo:');
    expect(code).toBe(0);
    expect(out.startsWith('to be')).toBe(true);
    expect(out.trimEnd().length).toBeGreaterThan(15);
  });

  it("of GPT-2's tokens needs no tokenizer; lists of layers may stand as in Python", async () => {
    const model = languageModel({
      vocab_size: 50_257,
      d_model: 8,
      n_layer: 4,
      attn_layer_idx: [1, 3],
      num_heads: 2,
      rotary_emb_dim: 2,
      d_state: 4,
    });
    await using device = await openDevice({ backend: 'wasm', threads: 1 });
    const store = createStore(device);
    store.initialize(model.variables, { seed: 1 });
    await replaceFile(at('model.safetensors'), safetensorsPieces(tensorsOf(model.variables, store)));
    const flags = '--dmodel 8 --nlayer 4 --attn-layer-idx 1 3 --nheads 2 --rotary_emb_dim 2 --genlen 3'.split(' ');
    const { code, out, err } = await hippo(
      'generate',
      '--ckpt',
      at('model.safetensors'),
      ...flags,
      '--prompt',
      'Hello',
    );
    expect(err).toContain("vocab_size 50257: GPT-2's tokens, padded to 50264 rows");
    expect(code).toBe(0);
    expect(out.startsWith('Hello')).toBe(true);
  });
});

describe('convert', () => {
  it('writes a folder that needs no flag and says the same', async () => {
    const converted = await hippo(
      'convert',
      golden('h3-lm-tiny.legacy.ckpt'),
      at('tiny'),
      ...tiny,
      '--shard-size',
      '100KB',
    );
    expect(converted).toMatchObject({ code: 0 });
    expect(converted.out).toContain('parameters as f32');
    expect(converted.err).toContain('left out model.lm_head.weight: the same numbers as the embedding table');
    expect(converted.err).toContain('without a tokenizer');
    const [from, to] = [
      await hippo('logits', '-m', golden('h3-lm-tiny.pt'), '--ids', '5,17,3', ...tiny),
      await hippo('logits', '-m', at('tiny'), '--ids', '5,17,3'),
    ];
    expect(to.out).toBe(from.out);
    const half = await hippo(
      'convert',
      at('tiny'),
      at('half'),
      '--dtype',
      'bf16',
      '--tokenizer',
      at('letters'),
      '--vocab-size',
      '28',
      '--json',
    );
    expect(JSON.parse(half.out)).toMatchObject({ dtype: 'bf16', tokenizer: true, origin: { config: 'config.json' } });
    expect((await hippo('generate', '-m', at('half'), '-p', 'to be', '-n', '5')).code).toBe(0);
  });

  it('refuses a size that is none, and a folder that holds something else', async () => {
    const size = await hippo('convert', golden('h3-lm-pure.pt'), at('pure'), '--shard-size', 'much');
    expect(size).toMatchObject({ code: 2 });
    expect(size.err).toContain('convert, --shard-size: must be a size');
    await mkdir(at('work'));
    await writeFile(join(at('work'), 'thesis.md'), 'years');
    const foreign = await hippo('convert', golden('h3-lm-pure.pt'), at('work'));
    expect(foreign).toMatchObject({ code: 1 });
    expect(foreign.err).toContain('thesis.md');
  });
});

describe('info', () => {
  it('describes a file from its header, and what it does not say', async () => {
    const { out, code } = await hippo('info', golden('h3-lm-tiny.legacy.ckpt'), '--nheads', '4');
    expect(code).toBe(0);
    for (const line of [
      /^layers +4$/m,
      /h3 +3 of .* parameters: 0, 2–3/,
      /attention +1 of/,
      /1,024 tokens/,
      /8,192 tokens/,
      /stored +.* as f32/,
    ])
      expect(out).toMatch(line);
    expect(out).toContain('PyTorch, names of H3, older order of norms, configuration from the tensors');
    const unknown = await hippo('info', golden('h3-lm-tiny.pt'));
    expect(unknown.code).toBe(0);
    expect(unknown.out).toMatch(/num_heads +unknown: to be given by --nheads/);
    expect(unknown.out).not.toContain('attention head');
    const json = JSON.parse((await hippo('info', golden('h3-lm-pure.safetensors'), '--json')).out);
    expect(json).toMatchObject({
      layers: ['h3', 'h3', 'h3'],
      attentionCacheBytes: 0,
      origin: { format: 'safetensors' },
    });
  });
});

describe('what contradicts the tensors is refused, naming both', () => {
  it.each([
    [
      ['--dmodel', '64'],
      2,
      /d_model \(--dmodel\) is 32 by "backbone\.embeddings\.word_embeddings\.weight" \[104, 32\]; got 64/,
    ],
    [['--attn-layer-idx', '2', '3'], 2, /attn_layer_idx \(--attn-layer-idx\) is \[1\] by .*; got \[2, 3\]/],
    [['--nlayer', '3'], 2, /n_layer \(--nlayer\) is 4 by .*; got 3/],
    [[], 1, /how many heads do the attention layers \(1\) have\?.*Give num_heads \(--nheads on the command line\)/],
    [['--nheads', '4'], 1, /tokenizer_config\.json.*--tokenizer/],
  ])('generate %j', async (words, expected, sentence) => {
    const { code, out, err } = await hippo('generate', '--ckpt', golden('h3-lm-tiny.pt'), '--prompt', 'x', ...words);
    expect(err).toMatch(sentence);
    expect({ code, out }).toEqual({ code: expected, out: '' });
  });
});
