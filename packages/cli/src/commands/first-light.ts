// `hippo first-light` (`npm start`): a small hybrid H3 model learns tiny Shakespeare in a few minutes, then writes.
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { characterTokenizer, generate, splitText } from 'hippo';
import { loadModel } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { deviceOptions, openChosenDevice } from '../model/device-options.ts';
import { formatRate } from '../report/format.ts';
import type { CommandIo } from '../terminal/io.ts';
import { reportSummary } from '../training/summary.ts';
import { trainText } from '../training/train-text.ts';
import { readText } from './train.ts';

export const command = defineCommand({
  name: 'first-light',
  summary: 'Train a small H3 model on tiny Shakespeare, then let it write',
  positionals: {},
  options: {
    out: {
      type: 'string',
      short: 'o',
      default: 'runs/first-light',
      placeholder: 'folder',
      help: 'run folder; an older run there is replaced',
    },
    steps: { type: 'integer', min: 1, default: 3000, short: 'n', help: 'training steps' },
    characters: { type: 'integer', min: 1, default: 400, help: 'characters to write at the end' },
    seed: { type: 'integer', min: 0, default: 0, help: 'weights, batches and the text follow from it' },
    json: { type: 'boolean', help: 'print summary and text as one JSON document' },
    ...deviceOptions,
  },
  examples: [{ line: 'npm start', help: 'the same from a clone of the repository' }],
});

const recipe = {
  width: 96,
  layers: 4,
  attention: [1],
  heads: 4,
  batch: 8,
  length: 128,
  validationLength: 128,
  peak: 8e-3,
} as const;

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<number | undefined> {
  const text = await readText(fileURLToPath(new URL('../../../../data/tiny-shakespeare.txt', import.meta.url)));
  const tokenizer = characterTokenizer(text);
  await using device = await openChosenDevice(options, io);
  await rm(options.out, { recursive: true, force: true });
  const { steps, seed } = options;
  const summary = await trainText(
    {
      device,
      tokenizer,
      ...splitText(text),
      config: {
        vocab_size: tokenizer.vocabularySize,
        d_model: recipe.width,
        n_layer: recipe.layers,
        attn_layer_idx: recipe.attention,
        num_heads: recipe.heads,
      },
      validationLength: recipe.validationLength,
      out: options.out,
      resume: false,
      keepLast: 1,
      source: { text: 'tiny-shakespeare.txt' },
      options: {
        steps,
        batch: recipe.batch,
        length: recipe.length,
        seed,
        validateEvery: 500,
        saveEvery: 500,
        schedule: {
          kind: 'cosine',
          peak: recipe.peak,
          warmupSteps: Math.round(steps * 0.05),
          decaySteps: steps,
          floor: 0.01,
        },
        optimizer: { weightDecay: 0.2, beta2: 0.95 },
      },
    },
    io,
  );
  if (!options.json) reportSummary(summary, { io, json: false });
  if (summary.interrupted) return 130;

  const { model, store } = await loadModel(options.out, { device });
  const decoder = tokenizer.decoder();
  const started = performance.now();
  let written = '';
  io.err.line('\nIt writes, one character a step, at constant memory:\n');
  for await (const { token } of generate(model, {
    store,
    prompt: tokenizer.encode('\n'),
    maxTokens: options.characters,
    temperature: 0.8,
    seed,
  })) {
    const piece = decoder.push(token);
    written += piece;
    if (!options.json) io.out.write(piece);
  }
  if (options.json) io.out.line(JSON.stringify({ ...summary, text: written }));
  else io.out.line();
  io.err.line(
    io.err.colors.dim(
      `\n${formatRate(options.characters / ((performance.now() - started) / 1000), 'characters')}. More: npx hippo generate --model ${options.out} --prompt "ROMEO:"`,
    ),
  );
  return undefined;
}
