// generation_config.json: what is followed, what is passed over, what is said, and what is refused.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckpointError } from '../errors.ts';
import { type GenerationDefaults, readGenerationDefaults } from './generation-config.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hippo-generation-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function readConfig(config: unknown): Promise<GenerationDefaults> {
  await writeFile(join(folder, 'generation_config.json'), JSON.stringify(config));
  return readGenerationDefaults(folder);
}

describe('readGenerationDefaults', () => {
  it('follows the keys it knows', async () => {
    const config = {
      temperature: 0.7,
      top_k: 40,
      top_p: 0.9,
      min_p: 0.05,
      repetition_penalty: 1.1,
      frequency_penalty: 0.1,
      presence_penalty: 0.2,
      do_sample: true,
      max_new_tokens: 100,
      min_new_tokens: 5,
      num_return_sequences: 3,
      num_beams: 4,
      length_penalty: 0.6,
      early_stopping: true,
      eos_token_id: [0, 2],
      stop_strings: 'END',
    };
    expect(await readConfig(config)).toEqual({
      sampling: {
        temperature: 0.7,
        topK: 40,
        topP: 0.9,
        minP: 0.05,
        repetitionPenalty: 1.1,
        frequencyPenalty: 0.1,
        presencePenalty: 0.2,
      },
      maxTokens: 100,
      minTokens: 5,
      samples: 3,
      beams: 4,
      lengthPenalty: 0.6,
      earlyStopping: true,
      stopTokens: [0, 2],
      stopStrings: ['END'],
      notices: [],
    });
  });

  it('takes a single stop token, "never", and a top-k of 0 as what they mean elsewhere', async () => {
    const config = { eos_token_id: 50256, early_stopping: 'never', top_k: 0 };
    expect(await readConfig(config)).toEqual({ sampling: {}, stopTokens: [50256], earlyStopping: false, notices: [] });
  });

  it('passes over what does not change a text, and settings that are off', async () => {
    const config = {
      _from_model_config: true,
      transformers_version: '4.30.0',
      pad_token_id: 1,
      use_cache: true,
      typical_p: 1,
      no_repeat_ngram_size: 0,
      bad_words_ids: null,
      suppress_tokens: [],
    };
    expect(await readConfig(config)).toEqual({ sampling: {}, notices: [] });
  });

  it('names what it does not follow', async () => {
    const { notices } = await readConfig({ no_repeat_ngram_size: 3, temprature: 0.5, max_length: 20 });
    const file = join(folder, 'generation_config.json');
    expect(notices).toEqual([
      `${file}: "no_repeat_ngram_size": 3 is not followed.`,
      `${file}: "temprature": 0.5 is not followed. Did you mean "temperature"?`,
      `${file}: "max_length": 20 is not followed.`,
    ]);
  });

  it('is greedy where nothing is to be sampled, and says what that leaves unused', async () => {
    const { sampling, notices } = await readConfig({
      do_sample: false,
      temperature: 0.6,
      top_p: 0.9,
      repetition_penalty: 1.3,
    });
    expect(sampling).toEqual({ greedy: true, repetitionPenalty: 1.3 });
    expect(notices).toEqual([
      expect.stringContaining('the likeliest token is taken and temperature, topP are not used'),
    ]);
  });

  it.each([
    [{ temperature: '1' }, '"temperature" must be a number; got "1"'],
    [{ temperature: -1 }, 'temperature must be a finite number, 0 or more; got -1'],
    [{ top_p: 2 }, 'topP must be above 0 and at most 1; got 2'],
    [{ do_sample: 'yes' }, '"do_sample" must be true or false; got "yes"'],
    [{ max_new_tokens: 0 }, '"max_new_tokens" must be a whole number above 0; got 0'],
    [{ num_beams: 1.5 }, '"num_beams" must be a whole number above 0; got 1.5'],
    [{ eos_token_id: 'x' }, '"eos_token_id" must be a token id or a list of them; got "x"'],
    [{ stop_strings: [''] }, '"stop_strings" must be a text or a list of them; got [""]'],
    [{ early_stopping: 1 }, '"early_stopping" must be true, false or "never"; got 1'],
    [[1], 'the file must be a JSON object; got [1]'],
  ])('refuses %j', async (config, sentence) => {
    await expect(readConfig(config)).rejects.toThrow(CheckpointError);
    await expect(readConfig(config)).rejects.toThrow(sentence);
  });
});
