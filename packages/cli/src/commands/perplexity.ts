// `hippo perplexity`: how well a model predicts a text.
import { readFile } from 'node:fs/promises';
import { compileScorer, DataError } from 'hippo';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { deviceOptions, openChosenDevice } from '../model/device-options.ts';
import { loadChosenModel, modelOptions } from '../model/model-options.ts';
import { openProgress } from '../progress/progress-line.ts';
import { formatPercent } from '../report/format.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'perplexity',
  summary: 'Cross-entropy and perplexity of a text under a model',
  description:
    'The text is read in consecutive windows; every token after the first of the text is predicted exactly once, from what its window holds before it.',
  positionals: { text: { required: true, help: 'text file' } },
  options: {
    ...modelOptions,
    window: { type: 'integer', min: 1, default: 256, help: 'tokens predicted in one window' },
    batch: { type: 'integer', min: 1, default: 8, help: 'windows side by side' },
    json: { type: 'boolean', help: 'print one JSON document' },
    ...deviceOptions,
  },
  examples: [{ line: 'hippo perplexity play.txt --model runs/first-light', help: 'score a text' }],
});

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  const text = await readFile(options.text, 'utf8').catch((cause: Error) => {
    throw new DataError(
      'unreadable-text',
      `perplexity: ${options.text} cannot be read; got ${cause.message}.`,
      { file: options.text },
      { cause },
    );
  });
  await using device = await openChosenDevice(options, io);
  const { model, store, tokenizer } = await loadChosenModel(options, device, io);
  const tokens = tokenizer.encode(text);
  using scorer = await compileScorer(model, { store, batch: options.batch, length: options.window });
  const progress = openProgress(io.err);
  const score = await scorer.score(tokens, {
    onWindow: (done, total) => progress.update(() => `scored ${formatPercent(done / total)}`),
  });
  progress.finish();
  const perCharacter = (score.loss * score.tokens) / text.length;
  const result = { ...score, bitsPerCharacter: perCharacter / Math.LN2, window: options.window };
  if (options.json) io.out.line(JSON.stringify(result));
  else
    io.out.line(
      `loss ${score.loss.toFixed(4)} nats a token, perplexity ${score.perplexity.toFixed(3)}, ${result.bitsPerCharacter.toFixed(3)} bits a character, ${score.tokens} tokens`,
    );
}
