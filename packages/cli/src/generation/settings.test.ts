// Flags over the model's own settings over defaults, and flags that cannot go together.
import { describe, expect, it } from 'vitest';
import { defineCommand } from '../arguments/command.ts';
import { parseArguments } from '../arguments/parse-arguments.ts';
import { generationOptions } from './options.ts';
import { checkFlags, type GenerationFlags, parseLogitBias, settingsOf } from './settings.ts';

const command = defineCommand({
  name: 'generate',
  summary: 's',
  positionals: {},
  options: generationOptions,
  examples: [],
});

function flags(line: string): GenerationFlags {
  const parsed = parseArguments(
    command,
    line.split(' ').filter((word) => word !== ''),
    {},
  );
  if (parsed.kind === 'help') throw new Error('expected values');
  return parsed.values;
}

const nothing = { sampling: {}, notices: [] };
const settings = (line: string, model: Parameters<typeof settingsOf>[1] = nothing, endOfText?: number) =>
  settingsOf(flags(line), model, endOfText);

describe('settingsOf', () => {
  it('draws at 0.8 where nobody says otherwise', () => {
    expect(settings('')).toEqual({
      kind: 'draw',
      notices: [],
      options: { maxTokens: 400, minTokens: 0, stopTokens: [], temperature: 0.8, samples: 1, batch: 8 },
    });
  });

  it('takes every flag, in both spellings', () => {
    const kebab =
      '--temperature 0.5 --top-k 9 --top-p 0.9 --min-p 0.1 --repetition-penalty 1.2 --frequency-penalty 0.3 --presence-penalty 0.4 --logit-bias 5=-100 --logit-bias 7=2.5 --seed 3 --num-samples 4 --max-new-tokens 20 --min-tokens 2 --stop END --stop STOP --stop-tokens 1,2 --json --logprobs 3 --echo --batch 2';
    const expected = {
      temperature: 0.5,
      topK: 9,
      topP: 0.9,
      minP: 0.1,
      repetitionPenalty: 1.2,
      frequencyPenalty: 0.3,
      presencePenalty: 0.4,
      logitBias: { 5: -100, 7: 2.5 },
      seed: 3,
      samples: 4,
      maxTokens: 20,
      minTokens: 2,
      stopStrings: ['END', 'STOP'],
      stopTokens: [0, 1, 2],
      logprobs: 3,
      echo: true,
      batch: 2,
    };
    expect(settings(kebab, nothing, 0).options).toEqual(expected);
    const snake = kebab.replace(/--[a-z-]+/g, (flag) => `--${flag.slice(2).replaceAll('-', '_')}`);
    expect(settings(snake, nothing, 0).options).toEqual(expected);
    expect(flags('-N 3 --genlen 7 --temp 0.2')).toMatchObject({ numSamples: 3, maxTokens: 7, temperature: 0.2 });
  });

  it('lets a flag win over the model, and the model over the default', () => {
    const model = {
      ...nothing,
      sampling: { temperature: 0.3, topK: 5 },
      maxTokens: 9,
      stopTokens: [4],
      stopStrings: ['x'],
      samples: 2,
    };
    expect(settings('--top-k 7', model, 0).options).toMatchObject({
      temperature: 0.3,
      topK: 7,
      maxTokens: 9,
      stopTokens: [0, 4],
      stopStrings: ['x'],
      samples: 2,
    });
    expect(settings('--ignore-eos -n 3 --stop y', model, 0).options).toMatchObject({
      maxTokens: 3,
      stopTokens: [],
      stopStrings: ['y'],
    });
  });

  it('is greedy for the model until a flag wants draws, and for the flag whatever the model draws', () => {
    const greedy = { ...nothing, sampling: { greedy: true, repetitionPenalty: 1.1 } };
    expect(settings('', greedy).options).toMatchObject({ greedy: true, repetitionPenalty: 1.1 });
    expect(settings('', greedy).options).not.toHaveProperty('temperature');
    for (const line of ['--temperature 0.5', '-N 3', '--top-p 0.5'])
      expect(settings(line, greedy).options).not.toHaveProperty('greedy');
    const drawing = settings('--greedy', { ...nothing, sampling: { temperature: 0.3, topP: 0.5 }, samples: 3 }).options;
    expect(drawing).toMatchObject({ greedy: true, samples: 1 });
    expect(Object.keys(drawing)).not.toContain('topP');
  });

  it('searches with the beams of flag or model', () => {
    expect(settings('--beams 4 -N 2 --length-penalty 0.5 --early-stopping')).toEqual({
      kind: 'search',
      notices: [],
      options: {
        maxTokens: 400,
        minTokens: 0,
        stopTokens: [],
        beams: 4,
        best: 2,
        lengthPenalty: 0.5,
        earlyStopping: true,
      },
    });
    const model = {
      ...nothing,
      sampling: { topP: 0.5, temperature: 1 },
      beams: 3,
      lengthPenalty: 2,
      stopStrings: ['x'],
    };
    const own = settings('', model);
    expect(own).toMatchObject({ kind: 'search', options: { beams: 3, best: 1, lengthPenalty: 2 } });
    expect(own.notices).toEqual([
      expect.stringContaining('does not use temperature, topP'),
      expect.stringContaining("does not use the model's stop strings"),
    ]);
    for (const line of [
      '--temperature 0.5',
      '--greedy',
      '--beams 1',
      '--seed 1',
      '--stop x',
      '--json --logprobs 1',
      '--echo',
    ])
      expect(settings(line, model).kind).toBe('draw');
    expect(() => settings('--length-penalty 2')).toThrow('--length-penalty is for a beam search. Add --beams.');
  });
});

it.each([
  ['--greedy --top-k 3', '--greedy and --top-k contradict each other: --greedy takes the likeliest token, always'],
  ['--greedy --temperature 1', '--greedy and --temperature'],
  ['--greedy --min-p 0.1', '--greedy and --min-p'],
  [
    '--greedy -N 2',
    '--greedy and --num-samples contradict each other: --greedy takes the likeliest token, always, so all',
  ],
  ['--beams 2 --top-p 0.5', '--beams and --top-p contradict each other: a beam search draws no random tokens'],
  ['--beams 2 --seed 1', '--beams and --seed'],
  ['--beams 2 --greedy', '--beams and --greedy'],
  ['--beams 2 --stop x', '--beams and --stop contradict each other: a beam search knows whole texts only at its end'],
  ['--beams 2 --json --logprobs 1', '--beams and --logprobs'],
  ['--beams 1 --length-penalty 2', '--beams 1 and --length-penalty'],
  ['--prompt a --prompts b', '--prompt and --prompts contradict each other'],
  ['--logprobs 2', '--logprobs needs --json'],
])('refuses %s', (line, sentence) => {
  expect(() => checkFlags(flags(line))).toThrow(`generate: ${sentence}`);
});

it('accepts what goes together', () => {
  for (const line of [
    '--greedy --seed 3 --repetition-penalty 1.2',
    '--beams 3 -N 2',
    '--json --logprobs 0',
    '--echo',
    '--temperature 0 --top-p 0.5',
  ])
    checkFlags(flags(line));
});

describe('parseLogitBias', () => {
  it('reads ids and numbers', () => {
    expect(parseLogitBias(['50256=-100', '3=.5', '4=+2.'])).toEqual({ 50256: -100, 3: 0.5, 4: 2 });
  });
  it.each([['x=1'], ['1'], ['1='], ['1=a'], ['-1=3']])('refuses %s', (word) => {
    expect(() => parseLogitBias([word])).toThrow(
      `must be a token id and a number like 50256=-100, each id once; got "${word}"`,
    );
  });
  it('refuses an id twice', () => {
    expect(() => parseLogitBias(['1=2', '1=3'])).toThrow('got "1=3"');
  });
});
