import { describe, expect, it } from 'vitest';
import { accuracyFigures } from './figures.ts';
import { byModel, endLine, liveLines, longerMarkdown, resultsMarkdown } from './results-table.ts';
import { afterEvent, newRecord, type RunRecord } from './run-record.ts';
import type { RunEvent, RunTask } from './run-task.ts';

const start = (task: Pick<RunTask, 'taskName' | 'modelName' | 'seed'>): RunRecord =>
  newRecord({
    ...task,
    language: { kind: 'associative-recall', length: 20, vocabulary: 10, keyWords: 1 },
    schedule: { kind: 'linear', floor: 0 },
    trainingExamples: 10,
    testExamples: 10,
    dataSeed: 0,
    steps: 100,
    learningRate: 1e-3,
    initializerRange: 0.02,
    evaluateEvery: 10,
    solvedAt: 0.995,
    longerLengths: [],
    modelFolder: 'models/x',
  });
const after = (record: RunRecord, ...events: readonly RunEvent[]): RunRecord => events.reduce(afterEvent, record);
const measured = (step: number, accuracy: number, solved = false): RunEvent => ({
  kind: 'measurement',
  step,
  loss: 2,
  accuracy,
  seconds: step / 10,
  solved,
});
const end = (interrupted = false, longer: readonly { length: number; accuracy: number }[] = []): RunEvent => ({
  kind: 'end',
  parameters: 46464,
  interrupted,
  longer,
});

const h3 = { taskName: 'associative-recall', modelName: 'h3', seed: 0 } as const;
const s4d = { taskName: 'induction-head', modelName: 's4d', seed: 0 } as const;
const solved = after(start(h3), measured(10, 0.5), measured(20, 1, true), end(false, [{ length: 40, accuracy: 0.98 }]));
const other = after(start({ ...h3, seed: 1 }), measured(10, 0.7), measured(30, 0.9), measured(100, 0.96), end());
const running = after(start(s4d), measured(10, 0.25), { kind: 'step', step: 12, loss: 1.5 });
const waiting = start({ ...s4d, seed: 1 });
const records = [solved, other, running, waiting];

describe('a record', () => {
  it('follows its run', () => {
    expect(waiting).toMatchObject({ state: 'waiting', step: 0, curve: [] });
    expect(running).toMatchObject({ state: 'running', step: 12, loss: 1.5, accuracy: 0.25 });
    expect(solved).toMatchObject({ state: 'solved', step: 20, seconds: 2, parameters: 46464 });
    expect(solved.curve.map(({ step, accuracy }) => [step, accuracy])).toEqual([
      [10, 0.5],
      [20, 1],
    ]);
    expect(other.state).toBe('ended');
  });

  it('is interrupted only if there was something left to do', () => {
    expect(after(running, end(true)).state).toBe('interrupted');
    expect(after(start(h3), measured(20, 1, true), end(true)).state).toBe('solved');
    expect(after(start(h3), measured(100, 0.5), end(true)).state).toBe('ended');
  });
});

it('the live table shows what runs, and how much is left', () => {
  expect(`\n${liveLines(records).join('\n')}\n`).toMatchInlineSnapshot(`
    "
    task            model  seed    step   loss  test accuracy
    induction-head  s4d       0  12/100  1.500    25.0% at 10
    1 running, 1 waiting, 2 done
    "
  `);
  expect(endLine(solved)).toMatchInlineSnapshot(
    `"associative-recall, h3, seed 0: solved after 20 steps and 2.00 s, test accuracy 100.0%"`,
  );
});

it('the Markdown table puts seeds side by side with the paper, and leaves out what was not measured', () => {
  expect(`\n${resultsMarkdown(records)}`).toMatchInlineSnapshot(`
    "
    | task | model | paper | here | by seed | steps | time |
    | --- | --- | ---: | ---: | --- | --- | --- |
    | associative-recall | h3 | 99.8 | 98.0 | 0: 100.0, 1: 96.0 | 20, 100 | 2.00 s, 10.0 s |
    | induction-head | s4d | 35.6 | 25.0 | 0: 25.0 | 12 | 1.00 s |
    "
  `);
  expect(byModel([waiting])).toEqual([]);
});

it('longer examples have a table of their own', () => {
  expect(longerMarkdown([running])).toBeUndefined();
  expect(`\n${longerMarkdown([solved, running])}`).toMatchInlineSnapshot(`
    "
    | task | model | length 40 |
    | --- | --- | ---: |
    | associative-recall | h3 | 98.0 |
    | induction-head | s4d | – |
    "
  `);
});

it('a figure a task shows the mean over seeds, a finished run keeping its last accuracy', () => {
  const figures = accuracyFigures(records);
  expect([...figures.keys()]).toEqual(['associative-recall', 'induction-head']);
  // Steps 10, 20, 30, 100: means 60, 85, 95, 98; no other point is drawn.
  const line = /<path class="line0" d="(M[^"]*L[^"]*)"/.exec(figures.get('associative-recall') ?? '')?.[1] ?? '';
  const points = line
    .slice(1)
    .split('L')
    .map((point) => point.split(' ').map(Number));
  expect(points).toHaveLength(4);
  const heights = points.map(([, y = Number.NaN]) => y);
  const share = (i: number): number =>
    ((heights[0] ?? 0) - (heights[i] ?? 0)) / ((heights[0] ?? 0) - (heights[3] ?? 0));
  expect(share(1)).toBeCloseTo(25 / 38, 2);
  expect(share(2)).toBeCloseTo(35 / 38, 2);
});
