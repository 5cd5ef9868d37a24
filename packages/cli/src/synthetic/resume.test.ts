import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseArguments } from '../arguments/parse-arguments.ts';
import { command } from '../commands/synthetic.ts';
import { chooseTasks } from './choose-tasks.ts';
import { completeRuns } from './resume.ts';
import { newRecord, type RunRecord } from './run-record.ts';
import type { RunTask } from './run-task.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hippo-resume-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const words = ['--task', 'associative-recall', '--models', 'h3'];
function tasksOf(...more: readonly string[]): readonly RunTask[] {
  const parsed = parseArguments(command, [...words, ...more], {});
  if (parsed.kind !== 'run') throw new Error('test: not a run');
  return chooseTasks(parsed.values);
}
const write = (content: unknown): Promise<void> =>
  writeFile(join(folder, 'results.json'), typeof content === 'string' ? content : JSON.stringify(content));
const recordsOf = (tasks: readonly RunTask[], states: readonly RunRecord['state'][]): readonly RunRecord[] =>
  tasks.map((task, i) => ({ ...newRecord(task), state: states[i] ?? 'waiting', accuracy: i / 10 }));

describe('resuming', () => {
  it('keeps the runs that came to their end', async () => {
    const tasks = tasksOf('--seeds', '0,1,2,3,4');
    await write(recordsOf(tasks, ['solved', 'running', 'ended', 'interrupted', 'waiting']));
    const kept = await completeRuns(folder, tasks);
    expect([...kept.keys()]).toEqual([0, 2]);
    expect(kept.get(2)).toMatchObject({ seed: 2, accuracy: 0.2 });
  });

  it('finds them in another order and among more, by the value of a varied option too', async () => {
    await write(recordsOf(tasksOf('--vary', 'head-dim=4,1'), ['solved', 'ended']));
    expect([...(await completeRuns(folder, tasksOf('--vary', 'head-dim=1,2,4'))).keys()].sort()).toEqual([0, 2]);
  });

  it('takes results from before backends could be chosen for those of wasm', async () => {
    const [record] = recordsOf(tasksOf(), ['ended']);
    const { backend: _backend, precision: _precision, ...settings } = record?.settings ?? {};
    await write([{ ...record, settings }]);
    expect((await completeRuns(folder, tasksOf())).size).toBe(1);
    await expect(completeRuns(folder, tasksOf('--backend', 'webgpu'))).rejects.toThrow('made with backend "wasm"; got');
  });

  it('begins where there is nothing', async () => {
    expect(await completeRuns(join(folder, 'nowhere'), tasksOf())).toEqual(new Map());
  });

  it.each([
    [['--lr', '0.001'], 'learning-rate 0.0005; got 0.001'],
    [['--steps', '7'], 'steps 31250; got 7'],
    [['--length', '8'], 'length 20; got 8'],
    [['--key-words', '2'], 'key-words 1; got 2'],
    [['--head-dim', '2'], 'head-dim 1; got 2'],
    [['--without', 'shift'], 'without "none"; got "shift"'],
    [['--initializer-range', '0.1'], 'initializer-range 0.02; got 0.1'],
    [['--tests', '9'], 'tests 500; got 9'],
    [['--longer', '2'], 'longer, in tokens []; got [40]'],
    [['--backend', 'webgpu'], 'backend "wasm"; got "webgpu"'],
  ])('refuses %j', async (more, sentence) => {
    await write(recordsOf(tasksOf(), ['ended']));
    await expect(completeRuns(folder, tasksOf(...more))).rejects.toThrow(
      `synthetic, --resume: associative-recall, h3, seed 0 in ${join(folder, 'results.json')} was made with ${sentence}. Give the same, or take another --out.`,
    );
  });

  it('does not mind other settings of a run that is made anew', async () => {
    await write(recordsOf(tasksOf(), ['interrupted']));
    expect(await completeRuns(folder, tasksOf('--lr', '0.001'))).toEqual(new Map());
  });

  it('refuses to lose a run', async () => {
    await write(recordsOf(tasksOf('--seeds', '0,1'), ['ended', 'solved']));
    await expect(completeRuns(folder, tasksOf('--seeds', '0'))).rejects.toMatchObject({
      name: 'UsageError',
      code: 'resume-runs',
      facts: { run: 'associative-recall, h3, seed 1' },
    });
  });

  it.each(['{', '{}', '[1]', '[{"task":"a","model":"h3","seed":0,"state":"ended","curve":[],"longer":[]}]'])(
    'refuses %s',
    async (text) => {
      await write(text);
      await expect(completeRuns(folder, tasksOf())).rejects.toMatchObject({ name: 'DataError', code: 'results-file' });
    },
  );
});
