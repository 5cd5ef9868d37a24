import { describe, expect, it } from 'vitest';
import { syntheticData, syntheticJsonl, trainingBatches } from './data-set.ts';
import { syntheticTasks } from './tasks.ts';

const rowsOf = (tokens: Int32Array, width: number): string[] =>
  Array.from({ length: tokens.length / width }, (_, row) => tokens.subarray(row * width, (row + 1) * width).join());

describe('data set', () => {
  it.each(['induction-head', 'associative-recall'] as const)('%s: every row once over both splits', (name) => {
    const { language, trainingExamples, testExamples } = syntheticTasks[name];
    const data = syntheticData({ language, trainingExamples, testExamples });
    const [training, test] = [rowsOf(data.training, data.width), rowsOf(data.test, data.width)];
    expect([training.length, test.length]).toEqual([5000, 500]);
    expect(new Set([...training, ...test]).size).toBe(5500);
  });

  it('keeps test rows out of training where a language is nearly exhausted', () => {
    // One pair of one key word among two and two values: 2 · 2 rows.
    const language = { kind: 'associative-recall', length: 2, vocabulary: 6, keyWords: 1 } as const;
    const data = syntheticData({ language, trainingExamples: 3, testExamples: 1 });
    expect(new Set([...rowsOf(data.training, data.width), ...rowsOf(data.test, data.width)]).size).toBe(4);
    expect(() => syntheticData({ language, trainingExamples: 3, testExamples: 2 })).toThrow(
      /gave only 4 different ones of length 2 with 6 words; more were asked for\. Ask for fewer/,
    );
  });

  it('follows from the seed; the training rows do not depend on how many tests are wanted', () => {
    const { language } = syntheticTasks['associative-recall'];
    const make = (seed: number, testExamples: number) =>
      syntheticData({ language, trainingExamples: 20, testExamples, seed });
    expect(make(1, 5)).toEqual(make(1, 5));
    expect(make(1, 9).training).toEqual(make(1, 5).training);
    expect(make(2, 5).training).not.toEqual(make(1, 5).training);
  });

  it('refuses a number of examples that is none', () => {
    const { language } = syntheticTasks['induction-head'];
    expect(() => syntheticData({ language, trainingExamples: -1, testExamples: 1 })).toThrow(
      'synthetic data: trainingExamples must be a whole number of at least 0; got -1.',
    );
  });
});

describe('training batches', () => {
  const { language } = syntheticTasks['induction-head'];
  const data = syntheticData({ language, trainingExamples: 50, testExamples: 1 });

  it('take every row once an epoch, in an order of its own', () => {
    const batches = trainingBatches(data, { batch: 20, seed: 0 });
    const seen = [0, 1, 2, 3, 4].flatMap((step) => rowsOf(batches(step), data.width));
    const [first, second] = [seen.slice(0, 50), seen.slice(50)];
    const all = rowsOf(data.training, data.width).sort();
    expect([...first].sort()).toEqual(all);
    expect([...second].sort()).toEqual(all);
    expect(first).not.toEqual(second);
  });

  it('are a function of seed and step', () => {
    const [one, other] = [trainingBatches(data, { batch: 8, seed: 5 }), trainingBatches(data, { batch: 8, seed: 5 })];
    one(0);
    expect(one(40)).toEqual(other(40));
    expect(other(1)).toEqual(one(1));
    expect(trainingBatches(data, { batch: 8, seed: 6 })(0)).not.toEqual(one(0));
  });
});

it('writes rows as JSON lines with the targets of each split', () => {
  const language = { kind: 'associative-recall', length: 4, vocabulary: 6, keyWords: 1 } as const;
  const data = syntheticData({ language, trainingExamples: 2, testExamples: 1 });
  const lines = [...syntheticJsonl(data)].map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ split }) => split)).toEqual(['training', 'training', 'test']);
  const rows = [data.training.subarray(0, 7), data.training.subarray(7), data.test];
  for (const [i, row] of rows.entries()) {
    expect(lines[i]?.inputs).toEqual([...row.subarray(0, 6)]);
    expect(lines[i]?.text).toMatch(/^([01] [23] ){2}=> [01] [23]$/);
  }
  expect(lines[0]?.targets).toEqual([...data.training.subarray(1, 7)]);
  expect(lines[2]?.targets).toEqual([-100, -100, -100, -100, -100, data.test[6]]);
});
