// `hippo logits`: the scores of every position, over the padded vocabulary, for given token ids.
import { compileLogits, DataError } from 'hippo';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { deviceOptions, openChosenDevice } from '../model/device-options.ts';
import { loadChosenModel, modelOptions } from '../model/model-options.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'logits',
  summary: 'Scores of the next token at every position',
  positionals: {},
  options: {
    ...modelOptions,
    ids: { type: 'integers', required: true, min: 0, help: 'token ids to read' },
    json: { type: 'boolean', help: 'print one JSON document: shape and logits' },
    ...deviceOptions,
  },
  examples: [
    { line: 'hippo logits --model runs/first-light --ids 5,17,3 --json', help: 'scores after each of three tokens' },
  ],
});

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  await using device = await openChosenDevice(options, io);
  const { model, store } = await loadChosenModel(options, device, io);
  const { ids } = options;
  const { vocab_size: vocabularySize } = model.config;
  if (ids.length === 0)
    throw new DataError('no-tokens', 'logits: --ids needs at least one token id, such as --ids 5,17,3.');
  const wrong = ids.findIndex((id) => id >= vocabularySize);
  if (wrong >= 0) {
    throw new DataError(
      'token-out-of-range',
      `logits: token ${wrong} has id ${ids[wrong]}, outside the vocabulary of ${vocabularySize} (0 to ${vocabularySize - 1}).`,
      { position: wrong, id: ids[wrong] },
    );
  }
  using scores = await compileLogits({ model, store }, ids.length);
  const { logits } = await scores({ ids: Int32Array.from(ids) });
  const columns = model.paddedVocabularySize;
  const rows = ids.map((_, row) => Array.from(logits.data.subarray(row * columns, (row + 1) * columns)));
  if (options.json) io.out.line(JSON.stringify({ shape: [ids.length, columns], logits: rows }));
  else for (const row of rows) io.out.line(row.map((score) => score.toPrecision(6)).join(' '));
}
