// Training and test examples of a synthetic language, every row once: no row twice in a split, none in both (the official code
// only looks within a split). Rows follow from the seed alone.
import { DataError, UsageError } from '../errors.ts';
import { type Draw, openDraws } from './draws.ts';
import { checkLanguage, drawExample, exampleWidth, type SyntheticLanguage } from './language.ts';
import { syntheticVocabulary, wordsOf } from './vocabulary.ts';

export interface SyntheticDataOptions {
  readonly language: SyntheticLanguage;
  readonly trainingExamples: number;
  readonly testExamples: number;
  /** Default 0. */
  readonly seed?: number;
}

export interface SyntheticData {
  readonly language: SyntheticLanguage;
  /** Tokens of a row. */
  readonly width: number;
  /** [examples, width], row-major. */
  readonly training: Int32Array;
  readonly test: Int32Array;
}

/** The target of a place that counts nothing. */
export const ignoredTarget = -100;

const streams = { training: 0, test: 1 } as const;
/** Stream of the first epoch's order; the next epochs' follow. */
const firstOrder = 2;
/** Draws in a row that all give rows already there, before the language counts as exhausted. */
const patience = 10_000;

/**
 * Draws a data set.
 * @throws UsageError `synthetic-option`; DataError `too-few-examples` when the language has not that many rows.
 */
export function syntheticData(options: SyntheticDataOptions): SyntheticData {
  const { language, trainingExamples, testExamples, seed = 0 } = options;
  checkLanguage(language);
  for (const [name, value] of Object.entries({ trainingExamples, testExamples })) {
    if (Number.isSafeInteger(value) && value >= 0) continue;
    throw new UsageError(
      'synthetic-option',
      `synthetic data: ${name} must be a whole number of at least 0; got ${value}.`,
      { [name]: value },
    );
  }
  const taken = new Set<string>();
  const split = (name: keyof typeof streams, count: number): Int32Array =>
    drawRows({ language, count, taken, draw: openDraws({ seed, stream: streams[name] }) });
  const training = split('training', trainingExamples);
  return { language, width: exampleWidth(language), training, test: split('test', testExamples) };
}

interface RowsWanted {
  readonly language: SyntheticLanguage;
  readonly count: number;
  /** Rows that may not come again; grows. */
  readonly taken: Set<string>;
  readonly draw: Draw;
}

function drawRows({ language, count, taken, draw }: RowsWanted): Int32Array {
  const width = exampleWidth(language);
  const rows = new Int32Array(count * width);
  let misses = 0;
  for (let row = 0; row < count; ) {
    const tokens = drawExample(language, draw);
    const name = tokens.join();
    if (taken.has(name)) {
      misses += 1;
      if (misses < patience) continue;
      throw new DataError(
        'too-few-examples',
        `synthetic data: no row may come twice, and the ${language.kind} language gave only ${taken.size} different ones of length ${language.length} with ${language.vocabulary} words; more were asked for. Ask for fewer examples or a longer language.`,
        { found: taken.size, ...language },
      );
    }
    misses = 0;
    taken.add(name);
    rows.set(tokens, row * width);
    row += 1;
  }
  return rows;
}

/**
 * The training batches, row-major [batch, width], by step from 0: each epoch takes every row once, in an order of its own. A batch
 * at the end of an epoch goes on with the next one, so all batches have one size.
 */
export function trainingBatches(
  { training, width }: Pick<SyntheticData, 'training' | 'width'>,
  { batch, seed }: { readonly batch: number; readonly seed: number },
): (step: number) => Int32Array {
  const size = training.length / width;
  let known: { readonly epoch: number; readonly order: Int32Array } = { epoch: -1, order: new Int32Array(0) };
  const rowAt = (at: number): number => {
    const epoch = Math.floor(at / size);
    if (known.epoch !== epoch)
      known = { epoch, order: shuffled(size, openDraws({ seed, stream: firstOrder + epoch })) };
    return known.order[at % size] ?? 0;
  };
  return (step) => {
    const rows = new Int32Array(batch * width);
    for (let i = 0; i < batch; i++) {
      const row = rowAt(step * batch + i);
      rows.set(training.subarray(row * width, (row + 1) * width), i * width);
    }
    return rows;
  };
}

/** 0 … size − 1 in random order (Fisher and Yates). */
function shuffled(size: number, draw: Draw): Int32Array {
  const order = Int32Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i--) {
    const j = draw(i + 1);
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  return order;
}

/**
 * The rows as lines of JSON, training first: split, the text, what the model reads, and what it must say at each place: the next
 * token in training, in testing −100 everywhere but at the last place.
 */
export function* syntheticJsonl(data: SyntheticData): Generator<string> {
  const vocabulary = syntheticVocabulary(data.language.vocabulary);
  for (const split of ['training', 'test'] as const) {
    for (let at = 0; at < data[split].length; at += data.width) {
      const tokens = [...data[split].subarray(at, at + data.width)];
      const next = tokens.slice(1);
      const targets = split === 'training' ? next : next.map((id, i) => (i === next.length - 1 ? id : ignoredTarget));
      yield `${JSON.stringify({ split, text: wordsOf(tokens, vocabulary), inputs: tokens.slice(0, -1), targets })}\n`;
    }
  }
}
