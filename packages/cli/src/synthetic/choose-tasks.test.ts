import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseArguments } from '../arguments/parse-arguments.ts';
import { command } from '../commands/synthetic.ts';
import { chooseTasks } from './choose-tasks.ts';
import { runModel } from './run-model.ts';
import type { RunSettings, RunTask } from './run-task.ts';

/** The runs that a command line asks for. */
function tasksOf(...words: readonly string[]): readonly RunTask[] {
  const parsed = parseArguments(command, words, {});
  if (parsed.kind !== 'run') throw new Error('test: not a run');
  return chooseTasks(parsed.values);
}
const settingsOf = (...words: readonly string[]): readonly RunSettings[] =>
  tasksOf(...words).map(({ settings }) => settings);
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
    const [induction, recall] = settingsOf('--models', 'h3');
    expect(induction).toMatchObject({
      language: { kind: 'induction-head', length: 30, vocabulary: 20, triggers: 1 },
      schedule: { kind: 'cosine', floor: 0.1 },
      trainingExamples: 5000,
      testExamples: 500,
      steps: 62_500,
      learningRate: 5e-4,
      initializerRange: 0.02,
      headDim: 1,
      without: 'none',
    });
    expect(recall).toMatchObject({
      language: { kind: 'associative-recall', length: 20, vocabulary: 10, keyWords: 1 },
      schedule: { kind: 'linear', floor: 0 },
      steps: 31_250,
    });
  });

  it('take what options change', () => {
    const [induction, recall] = settingsOf(
      ...['--models', 'h3', '--length', '12', '--vocabulary', '8', '--triggers', '2', '--key-words', '3'],
      ...['--examples', '320', '--longer', '2,8', '--lr', '0.001'],
    );
    expect(induction?.language).toEqual({ kind: 'induction-head', length: 12, vocabulary: 8, triggers: 2 });
    expect(recall?.language).toEqual({ kind: 'associative-recall', length: 12, vocabulary: 8, keyWords: 3 });
    // The number of epochs stays.
    expect(induction).toMatchObject({ steps: 4000, longerLengths: [24, 96], learningRate: 0.001 });
    expect(tasksOf()[2]?.modelFolder).toBe(join('runs', 'synthetic', 'models', 'induction-head-h3-0'));
    expect(settingsOf('--models', 'h3', '--steps', '7')[0]?.steps).toBe(7);
    expect(settingsOf('--models', 'h3')[0]).toMatchObject({ backend: 'wasm', precision: 'f32' });
    expect(settingsOf('--backend', 'webgpu', '--precision', 'f16')[0]).toMatchObject({
      backend: 'webgpu',
      precision: 'f16',
    });
    expect(settingsOf('--models', 'h3', '--head-dim', '4', '--without', 'shift')[0]).toMatchObject({
      headDim: 4,
      without: 'shift',
    });
  });

  it('refuse names that are none, no seeds, and another table than the paper’s', () => {
    expect(() => tasksOf('--models', 'h3,atention')).toThrow(
      'synthetic, --models: names are s4d, gss, h3, hybrid, attention, between commas; got "atention". Did you mean "attention"?',
    );
    expect(() => tasksOf('--precision', 'f16')).toThrow('--precision f16 is for --backend webgpu; got --backend wasm');
    expect(() => tasksOf('--seeds', 'none')).toThrow('synthetic, --seeds: needs at least one seed; got none.');
    expect(() => tasksOf('--reproduce', '--seeds', '3', '--length', '9')).toThrow(
      'got --seeds, --length too. Leave one of them out.',
    );
  });

  it('refuse head dimensions and SSMs of models that have none, and what makes no model', () => {
    expect(() => tasksOf('--head-dim', '2')).toThrow(
      'synthetic, --head-dim: changes the H3 layers of h3 and hybrid; got the models s4d, gss, h3, hybrid, attention. Name only those with --models h3,hybrid.',
    );
    expect(() => tasksOf('--vary', 'without=none,shift', '--models', 'h3,gss')).toThrow(
      'synthetic, --without: changes',
    );
    expect(() => tasksOf('--head-dim', '3', '--models', 'h3')).toThrow('"d_model" must be a multiple of "head_dim"');
    expect(() => tasksOf('--without', 'both', '--models', 'h3')).toThrow('must be one of none, shift, diagonal');
  });

  it("of the paper's table may differ in what keeps it the paper's table", () => {
    const [first] = tasksOf('--reproduce', '--longer', '2', '--jobs', '1', '--out', 'x', '--lr', '0.001');
    expect(first?.settings).toMatchObject({ learningRate: 0.001, longerLengths: [60] });
    for (const words of [
      ['--vary', 'length=1'],
      ['--key-words', '2'],
      ['--head-dim', '2'],
      ['--without', 'shift'],
    ])
      expect(() => tasksOf('--reproduce', ...words)).toThrow(`sizes; got ${words[0]} too`);
  });
});

describe('--vary', () => {
  const varied = (...words: readonly string[]) => tasksOf('--task', 'associative-recall', '--models', 'h3', ...words);

  it('makes a run for every value, model and seed', () => {
    const tasks = tasksOf('--vary', 'length=8,16', '--models', 's4d,h3', '--seeds', '0,1', '--longer', '2');
    expect(tasks).toHaveLength(16);
    expect(tasks.slice(0, 5).map(({ varied: one, modelName, seed }) => [one?.value, modelName, seed])).toEqual([
      [8, 's4d', 0],
      [8, 's4d', 1],
      [8, 'h3', 0],
      [8, 'h3', 1],
      [16, 's4d', 0],
    ]);
    expect(tasks[4]?.settings).toMatchObject({ language: { length: 16 }, longerLengths: [32] });
    expect(tasks[4]?.modelFolder).toMatch(/induction-head-s4d-0-length-16$/);
    expect(new Set(tasks.map(({ modelFolder }) => modelFolder)).size).toBe(16);
  });

  it.each<[string, (settings: RunSettings) => unknown, readonly unknown[]]>([
    ['length=12,24', ({ language }) => language.length, [12, 24]],
    ['vocabulary=10,20', ({ language }) => language.vocabulary, [10, 20]],
    ['key-words=1,2', ({ language }) => 'keyWords' in language && language.keyWords, [1, 2]],
    ['key_words = 1, 2', ({ language }) => 'keyWords' in language && language.keyWords, [1, 2]],
    ['head-dim=1,8', ({ headDim }) => headDim, [1, 8]],
    ['without=none,shift,diagonal', ({ without }) => without, ['none', 'shift', 'diagonal']],
    ['learning-rate=1e-3,0.002', ({ learningRate }) => learningRate, [0.001, 0.002]],
    ['lr=1e-3', ({ learningRate }) => learningRate, [0.001]],
    ['initializer-range=0.02,0.1', ({ initializerRange }) => initializerRange, [0.02, 0.1]],
    [
      'examples=320,640',
      ({ trainingExamples, steps }) => [trainingExamples, steps],
      [
        [320, 2000],
        [640, 4000],
      ],
    ],
  ])('%s', (words, read, values) => {
    expect(varied('--vary', words).map(({ settings }) => read(settings))).toEqual(values);
  });

  it('reaches the model', () => {
    const configs = (words: string) => varied('--vary', words).map(runModel);
    expect(configs('head-dim=2,4').map(({ head_dim }) => head_dim)).toEqual([2, 4]);
    expect(configs('without=shift,diagonal').map(({ h3_without }) => h3_without)).toEqual(['shift', 'diagonal']);
    expect(configs('initializer-range=0.1')[0]?.initializer_range).toBe(0.1);
  });

  it.each([
    ['length', [], 'needs values of length between commas; got none'],
    ['lenght=1,2', [], 'got "lenght=1,2". Did you mean "length"?'],
    [
      'seeds=1,2',
      [],
      'takes one of length, vocabulary, key-words, examples, head-dim, without, learning-rate, initializer-range',
    ],
    ['length=4,x', [], 'synthetic, --vary length: must be a whole number of at least 1; got "x"'],
    ['without=none,all', [], 'must be one of none, shift, diagonal; got "all"'],
    ['length=4,4', [], 'needs different values; got length 4 twice'],
    [
      'length=4,8',
      ['--length', '4'],
      '--vary length: gives --length its values; got --length 4 too. Leave one of them out.',
    ],
    ['lr=0.1', ['--lr', '0.2'], 'gives --learning-rate its values; got --learning-rate 0.2 too'],
    [
      'key-words=1,2',
      ['--task', 'both'],
      'only associative recall has keys; got --task both. Add --task associative-recall.',
    ],
  ])('refuses %s %j', (words, more, sentence) => {
    expect(() => varied('--vary', words, ...more)).toThrow(sentence);
  });
});
