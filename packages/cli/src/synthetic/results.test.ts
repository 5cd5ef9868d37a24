import { describe, expect, it } from 'vitest';
import { resultFigures } from './figures.ts';
import { lookInsideLine } from './look-inside.ts';
import { byModel, endLine, liveLines, resultsMarkdown } from './results-table.ts';
import { afterEvent, newRecord, type RunRecord } from './run-record.ts';
import type { RunEvent, RunTask } from './run-task.ts';

const settings = {
  language: { kind: 'associative-recall', length: 20, vocabulary: 10, keyWords: 1 },
  schedule: { kind: 'linear', floor: 0 },
  trainingExamples: 10,
  testExamples: 10,
  dataSeed: 0,
  steps: 100,
  learningRate: 1e-3,
  initializerRange: 0.02,
  headDim: 1,
  without: 'none',
  evaluateEvery: 10,
  solvedAt: 0.995,
  longerLengths: [],
  backend: 'wasm',
  precision: 'f32',
} as const;
const start = (task: Pick<RunTask, 'taskName' | 'modelName' | 'seed'>, value?: number | string): RunRecord =>
  newRecord({
    ...task,
    varied: value === undefined ? undefined : { option: 'head-dim', value },
    settings,
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
    const device = 'webgpu: a GPU; f16';
    expect(after(waiting, { kind: 'device', description: device })).toMatchObject({ state: 'waiting', device });
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

it('the Markdown tables put seeds side by side with the paper, and leave out what was not measured', () => {
  expect(`\n${resultsMarkdown(records)}`).toMatchInlineSnapshot(`
    "
    | task | model | paper | here | by seed | steps | time |
    | --- | --- | ---: | ---: | --- | --- | --- |
    | associative-recall | h3 | 99.8 | 98.0 | 0: 100.0, 1: 96.0 | 20, 100 | 2.00 s, 10.0 s |
    | induction-head | s4d | 35.6 | 25.0 | 0: 25.0 | 12 | 1.00 s |

    | task | model | 1× | 2× |
    | --- | --- | ---: | ---: |
    | associative-recall | h3 | 98.0 | 98.0 |
    | induction-head | s4d | 25.0 | – |
    "
  `);
  expect(resultsMarkdown([running])).not.toContain('1×');
  expect(byModel([waiting])).toEqual([]);
});

const byValue = [1, 2].flatMap((value) =>
  (['h3', 'hybrid'] as const).flatMap((modelName) =>
    [0, 1].map((seed) =>
      after(
        start({ ...h3, modelName, seed }, value),
        measured(40, 1, value === 2 || seed === 0),
        end(false, [{ length: 40, accuracy: 1 / value }]),
      ),
    ),
  ),
);

it('a varied option has a table of value by model', () => {
  expect(`\n${resultsMarkdown(byValue.slice(0, 7))}`).toMatchInlineSnapshot(`
    "
    | associative-recall: head-dim | h3 | hybrid |
    | --- | --- | --- |
    | 1 | 100.0 (0: 100.0, 1: 100.0; solved after 40, –) | 100.0 (0: 100.0, 1: 100.0; solved after 40, –) |
    | 2 | 100.0 (0: 100.0, 1: 100.0; solved after 40, 40) | 100.0 (0: 100.0; solved after 40) |

    | task | model | 1× | 2× |
    | --- | --- | ---: | ---: |
    | associative-recall | h3, head-dim 1 | 100.0 | 100.0 |
    | associative-recall | hybrid, head-dim 1 | 100.0 | 100.0 |
    | associative-recall | h3, head-dim 2 | 100.0 | 50.0 |
    | associative-recall | hybrid, head-dim 2 | 100.0 | 50.0 |
    "
  `);
  expect(endLine(byValue[7] ?? solved)).toContain('associative-recall, hybrid, head-dim 2, seed 1: solved after 40');
});

it('a figure each shows accuracy over steps, over the values of an option, and over length', () => {
  expect([...resultFigures(records).keys()]).toEqual([
    'associative-recall',
    'associative-recall-longer',
    'induction-head',
  ]);
  const figures = resultFigures(byValue);
  expect([...figures.keys()]).toEqual(['associative-recall-by-head-dim', 'associative-recall-longer']);
  const svg = figures.get('associative-recall-by-head-dim') ?? '';
  expect(svg).toContain('>head-dim</text>');
  // One of four values is right by guessing: a straight line a quarter up.
  expect(svg.match(/class="line5"/g)).toHaveLength(2);
  const [, chance = '', quarter = ''] = /class="line5" d="M[\d.]+ ([\d.]+)L[\d.]+ ([\d.]+)"/.exec(svg) ?? [];
  const heightOf = (label: string): number => Number(new RegExp(`y="([\\d.]+)"[^>]*>${label}<`).exec(svg)?.[1]) - 4;
  expect(chance).toBe(quarter);
  expect((heightOf('0') - Number(chance)) / (heightOf('0') - heightOf('100'))).toBeCloseTo(0.25, 2);
  expect(svg.match(/fill-opacity="0.45"/g)).toHaveLength(8);
  // Two models of two values, and their marks in the legend.
  expect(svg.match(/ r="4.5"/g)).toHaveLength(6);
  const longer = resultFigures(records).get('associative-recall-longer') ?? '';
  expect(longer).toMatch(/>1×<.*>2×</s);
  expect(longer).not.toMatch(/NaN|undefined/);
});

it('the line that looks inside names the first model whose state can be shown, and reads it an example', () => {
  expect(lookInsideLine([running, waiting])).toBeUndefined();
  const inside = lookInsideLine([other, solved]) ?? '';
  expect(inside).toMatch(/^hippo remember --model models\/x --text "([0-7] ){20}=> [0-3]"$/);
  const attention = after(start({ ...h3, modelName: 'attention' }), measured(20, 1, true), end());
  expect(lookInsideLine([attention])).toBeUndefined();
});

it('a figure a task shows the mean over seeds, a finished run keeping its last accuracy', () => {
  const figures = resultFigures(records);
  // Steps 10, 20, 30, 100: means 60, 85, 95, 98; no other point is drawn.
  const line = /<path class="line2" d="(M[^"]*L[^"]*)"/.exec(figures.get('associative-recall') ?? '')?.[1] ?? '';
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
