// `hippo remember`: what the state of a model of `hippo synthetic` holds while it reads an example.
import {
  argMax,
  DataError,
  diagonalMagnitudes,
  type StateSeries,
  shiftMagnitudes,
  stateHistory,
  syntheticVocabulary,
} from 'hippo';
import { loadModel } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { deviceOptions, openChosenDevice } from '../model/device-options.ts';
import { shadeMap } from '../synthetic/shade-map.ts';
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
    json: { type: 'boolean', help: 'print the numbers as one JSON document' },
    ...deviceOptions,
  },
  examples: [
    {
      line: 'hippo remember --model runs/synthetic/models/associative-recall-h3-0 --text "0 5 1 7 2 4 => 1"',
      help: 'keys 0 to 3, values 4 to 7',
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
  const views = history.states.flatMap((series) => viewOf(series, options.places));
  if (options.json) {
    io.out.line(JSON.stringify({ words: read, says: answers, states: views }));
    return;
  }
  for (const { title, units, magnitudes } of views)
    io.out.line(`${title}\n${shadeMap(magnitudes, { heads: read, names: units })}\n`);
  io.out.line(`after the last word it says: ${answers.at(-1) ?? ''}`);
}

interface View {
  readonly title: string;
  /** What each row is. */
  readonly units: readonly string[];
  /** [words read][units] */
  readonly magnitudes: readonly (readonly number[])[];
}

/** What to show of one array of the state; attention's caches have no short view. */
function viewOf(series: StateSeries, places: number): readonly View[] {
  const [layer, kind] = [series.name.replace(/\.[^.]*$/, ''), series.name.split('.').at(-1)];
  if (kind === 'diagonal') {
    const magnitudes = diagonalMagnitudes(series);
    return [{ title: `${layer}, diagonal state by head`, units: numbered(magnitudes), magnitudes }];
  }
  if (kind !== 'shift') return [];
  const magnitudes = shiftMagnitudes(series).map((row) => row.slice(0, places));
  // What the state holds after a word is for the words to come: its newest place is that word.
  return [{ title: `${layer}, shift state by age in words`, units: numbered(magnitudes), magnitudes }];
}

const numbered = (magnitudes: readonly (readonly number[])[]): readonly string[] =>
  (magnitudes[0] ?? []).map((_, i) => String(i));

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
