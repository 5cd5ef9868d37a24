// `hippo remember`: what the state of a model of `hippo synthetic` holds while it reads an example.
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { argMax, DataError, stateHistory, syntheticVocabulary } from 'hippo';
import { loadModel, replaceFile } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { deviceOptions, openChosenDevice } from '../model/device-options.ts';
import { shadeMap } from '../synthetic/shade-map.ts';
import { stateFigure } from '../synthetic/state-figure.ts';
import { stateViews } from '../synthetic/state-views.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'remember',
  summary: "What a synthetic model's state holds while it reads an example",
  description:
    'Prints, for each layer with a state, how full the diagonal state of each head is after each word, and how much the shift state holds of the last words. Darker is more.',
  positionals: {},
  options: {
    model: {
      type: 'string',
      short: 'm',
      required: true,
      placeholder: 'folder',
      help: 'of hippo synthetic, in its models/',
    },
    text: { type: 'string', required: true, help: 'words between blanks, such as "0 5 1 7 => 0"' },
    places: { type: 'integer', min: 1, default: 4, help: 'words back that are shown of the shift state' },
    layer: { type: 'integer', min: 0, help: 'show only this layer', defaultText: 'all' },
    channels: {
      type: 'integers',
      min: 0,
      help: 'show only these channels, and the heads they are in',
      defaultText: 'all',
    },
    svg: { type: 'string', placeholder: 'file', help: 'draw it into this file instead' },
    json: { type: 'boolean', help: 'print the numbers as one JSON document' },
    ...deviceOptions,
  },
  examples: [
    {
      line: 'hippo remember --model runs/synthetic/models/associative-recall-h3-0 --text "0 5 1 7 2 4 => 1"',
      help: 'keys 0 to 3, values 4 to 7',
    },
    {
      line: 'hippo remember --model runs/synthetic/models/associative-recall-h3-0 --text "0 5 1 7 => 0" --svg state.svg',
      help: 'as a figure',
    },
  ],
});

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  await using device = await openChosenDevice(options, io);
  const { model, store } = await loadModel(options.model, { device });
  const { words } = syntheticVocabulary(model.config.vocab_size);
  const read = options.text.trim().split(/\s+/);
  const history = await stateHistory(model, { store, tokens: read.map((word) => idOf(word, words)) });
  const answers = history.scores.map((scores) => words[argMax(scores)] ?? '');
  const { d_model: width, n_layer: layers } = model.config;
  const { places, layer, channels } = options;
  const views = stateViews(history.states, { places, layer, channels, width, layers });
  const says = answers.at(-1) ?? '';
  if (options.svg !== undefined) {
    await mkdir(dirname(options.svg), { recursive: true });
    await replaceFile(options.svg, [stateFigure(views, { model: options.model, words: read, says })]);
    io.err.line(`the state after each of ${read.length} words → ${options.svg}`);
  }
  if (options.json) {
    io.out.line(JSON.stringify({ words: read, says: answers, states: views }));
    return;
  }
  if (options.svg !== undefined) return;
  for (const { title, units, magnitudes } of views)
    io.out.line(`${title}\n${shadeMap(magnitudes, { heads: read, names: units })}\n`);
  io.out.line(`after the last word it says: ${says}`);
}

/** @throws DataError `unknown-word`. */
function idOf(word: string, words: readonly string[]): number {
  const id = words.indexOf(word);
  if (id >= 0) return id;
  throw new DataError(
    'unknown-word',
    `remember, --text: the model's ${words.length} words are ${words.join(' ')}; got "${word}". Use these, between blanks.`,
    { word },
  );
}
