import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseArguments } from '../arguments/parse-arguments.ts';
import { command } from '../commands/synthetic.ts';
import { chooseTasks } from './choose-tasks.ts';
import type { RunTask } from './run-task.ts';

/** The runs that a command line asks for. */
function tasksOf(...words: readonly string[]): readonly RunTask[] {
  const parsed = parseArguments(command, words, {});
  if (parsed.kind !== 'run') throw new Error('test: not a run');
  return chooseTasks(parsed.values);
}
const names = (tasks: readonly RunTask[]): string[] =>
  tasks.map(({ taskName, modelName, seed }) => `${taskName} ${modelName} ${seed}`);

describe('runs of hippo synthetic', () => {
  it('are every task, model and seed', () => {
    expect(names(tasksOf('--task', 'induction-head', '--models', 'h3, S4D', '--seeds', '4,2'))).toEqual([
      'induction-head h3 4',
      'induction-head h3 2',
      'induction-head s4d 4',
      'induction-head s4d 2',
    ]);
    expect(tasksOf()).toHaveLength(10);
    expect(names(tasksOf('--reproduce'))).toHaveLength(30);
    expect(names(tasksOf('--reproduce'))).toContain('associative-recall attention 2');
  });

  it("have the paper's settings (paper.md 2.2)", () => {
    const [induction, recall] = tasksOf('--models', 'h3');
    expect(induction).toMatchObject({
      language: { kind: 'induction-head', length: 30, vocabulary: 20, triggers: 1 },
      schedule: { kind: 'cosine', floor: 0.1 },
      trainingExamples: 5000,
      testExamples: 500,
      steps: 62_500,
      learningRate: 5e-4,
      initializerRange: 0.02,
    });
    expect(recall).toMatchObject({
      language: { kind: 'associative-recall', length: 20, vocabulary: 10, keyWords: 1 },
      schedule: { kind: 'linear', floor: 0 },
      steps: 31_250,
    });
  });

  it('take what options change', () => {
    const [induction, recall] = tasksOf(
      ...['--models', 'h3', '--length', '12', '--vocabulary', '8', '--triggers', '2', '--key-words', '3'],
      ...['--examples', '320', '--longer', '2,8', '--lr', '0.001'],
    );
    expect(induction?.language).toEqual({ kind: 'induction-head', length: 12, vocabulary: 8, triggers: 2 });
    expect(recall?.language).toEqual({ kind: 'associative-recall', length: 12, vocabulary: 8, keyWords: 3 });
    // The number of epochs stays.
    expect(induction).toMatchObject({ steps: 4000, longerLengths: [24, 96], learningRate: 0.001 });
    expect(induction?.modelFolder).toBe(join('runs', 'synthetic', 'models', 'induction-head-h3-0'));
    expect(tasksOf('--models', 'h3', '--steps', '7')[0]?.steps).toBe(7);
  });

  it('refuse names that are none, no seeds, and another table than the paper’s', () => {
    expect(() => tasksOf('--models', 'h3,atention')).toThrow(
      'synthetic, --models: names are s4d, gss, h3, hybrid, attention, between commas; got "atention". Did you mean "attention"?',
    );
    expect(() => tasksOf('--seeds', 'none')).toThrow('synthetic, --seeds: needs at least one seed; got none.');
    expect(() => tasksOf('--reproduce', '--seeds', '3', '--length', '9')).toThrow(
      'got --seeds, --length too. Leave one of them out.',
    );
  });
});
