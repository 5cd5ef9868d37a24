// generation_config.json: how the authors of a model would generate with it, in the ecosystem's names. Keys that we follow are
// mapped; keys that say nothing about the text are passed over; whatever else could change the text is named in a notice.
import { join } from 'node:path';
import { CheckpointError, UsageError } from '../errors.ts';
import { checkSampling, type SamplingOptions } from '../generate/sampling-options.ts';
import { nearest } from '../suggest.ts';
import { exists } from './files.ts';
import { readJson } from './read-json.ts';

export const generationConfigName = 'generation_config.json';

/** What a model folder says about generation; what it does not say is left out. */
export interface GenerationDefaults {
  readonly sampling: SamplingOptions;
  readonly maxTokens?: number;
  readonly minTokens?: number;
  readonly stopTokens?: readonly number[];
  readonly stopStrings?: readonly string[];
  readonly samples?: number;
  readonly beams?: number;
  readonly lengthPenalty?: number;
  readonly earlyStopping?: boolean;
  /** Sentences about keys that could change the text and are not followed. */
  readonly notices: readonly string[];
}

const samplingKeys = {
  temperature: 'temperature',
  topK: 'top_k',
  topP: 'top_p',
  minP: 'min_p',
  repetitionPenalty: 'repetition_penalty',
  frequencyPenalty: 'frequency_penalty',
  presencePenalty: 'presence_penalty',
} as const;

const countKeys = {
  maxTokens: 'max_new_tokens',
  minTokens: 'min_new_tokens',
  samples: 'num_return_sequences',
  beams: 'num_beams',
} as const;

const otherKeys = ['do_sample', 'length_penalty', 'early_stopping', 'eos_token_id', 'stop_strings'];

const followed: readonly string[] = [...Object.values(samplingKeys), ...Object.values(countKeys), ...otherKeys];

/** Of other tools: what they print, cache and name. None of it changes a text. */
const silent = new Set([
  '_from_model_config',
  'transformers_version',
  'pad_token_id',
  'bos_token_id',
  'decoder_start_token_id',
  'use_cache',
  'cache_implementation',
  'cache_config',
  'return_legacy_cache',
  'return_dict_in_generate',
  'output_attentions',
  'output_hidden_states',
  'output_scores',
  'output_logits',
  'compile_config',
  'disable_compile',
  'low_memory',
  'trust_remote_code',
]);

/** Settings that we do not have, at values that switch them off. */
const neutral: Readonly<Record<string, unknown>> = {
  typical_p: 1,
  epsilon_cutoff: 0,
  eta_cutoff: 0,
  encoder_repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  encoder_no_repeat_ngram_size: 0,
  diversity_penalty: 0,
  num_beam_groups: 1,
  penalty_alpha: 0,
  guidance_scale: 1,
  min_length: 0,
  remove_invalid_values: false,
  renormalize_logits: false,
  token_healing: false,
  is_assistant: false,
};

/**
 * All that a model folder says about generation. `do_sample: false` means greedy.
 * @throws CheckpointError `generation-config` when a value has the wrong type or is out of range.
 */
export async function readGenerationDefaults(folder: string): Promise<GenerationDefaults> {
  const path = join(folder, generationConfigName);
  if (!(await exists(path))) return { sampling: {}, notices: [] };
  const config = await readJson(path);
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw refusal(path, 'the file', 'a JSON object', config);
  return parseGenerationConfig(new Map(Object.entries(config)), path);
}

/** The file as it is, to be copied into a new model folder; undefined where there is none. */
export async function readGenerationFile(
  folder: string | undefined,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const path = folder === undefined ? undefined : join(folder, generationConfigName);
  if (path === undefined || !(await exists(path))) return undefined;
  const json = await readJson(path);
  return typeof json === 'object' && json !== null ? { ...json } : undefined;
}

type Entries = ReadonlyMap<string, unknown>;

function parseGenerationConfig(entries: Entries, path: string): GenerationDefaults {
  const sampling = samplingOf(entries, path);
  const greedy = typed(entries, 'do_sample', 'boolean', 'true or false', path) === false;
  const unused = greedy ? Object.keys(sampling).filter((name) => !name.endsWith('Penalty')) : [];
  const kept = Object.fromEntries(Object.entries(sampling).filter(([name]) => !unused.includes(name)));
  const stopTokens = list(entries, 'eos_token_id', isId, 'a token id or a list of them', path);
  const stopStrings = list(entries, 'stop_strings', isText, 'a text or a list of them', path);
  const lengthPenalty = typed(entries, 'length_penalty', 'number', 'a number', path);
  const early = entries.get('early_stopping') ?? undefined;
  if (early !== undefined && typeof early !== 'boolean' && early !== 'never')
    throw refusal(path, '"early_stopping"', 'true, false or "never"', early);
  return {
    sampling: { ...kept, ...(greedy && { greedy }) },
    ...countsOf(entries, path),
    ...(stopTokens && { stopTokens }),
    ...(stopStrings && { stopStrings }),
    ...(lengthPenalty !== undefined && { lengthPenalty }),
    ...(early !== undefined && { earlyStopping: early === true }),
    notices: [...unusedNotice(unused, path), ...noticesOf(entries, path)],
  };
}

function samplingOf(entries: Entries, path: string): SamplingOptions {
  const found = Object.entries(samplingKeys).flatMap(([option, key]) => {
    const value = typed(entries, key, 'number', 'a number', path);
    // In the ecosystem a top-k of 0 is how to say: all.
    return value === undefined || (key === 'top_k' && value === 0) ? [] : [[option, value] as const];
  });
  const sampling: SamplingOptions = Object.fromEntries(found);
  try {
    checkSampling(sampling, path);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new CheckpointError('generation-config', error.message, { ...error.facts, file: path }, { cause: error });
  }
  return sampling;
}

function countsOf(entries: Entries, path: string): Partial<Record<keyof typeof countKeys, number>> {
  const found = Object.entries(countKeys).flatMap(([option, key]) => {
    const value = typed(entries, key, 'number', 'a whole number', path);
    if (value === undefined) return [];
    if (!Number.isInteger(value) || value < (option === 'minTokens' ? 0 : 1))
      throw refusal(path, `"${key}"`, 'a whole number above 0', value);
    return [[option, value] as const];
  });
  return Object.fromEntries(found);
}

/** The value of a key, undefined where it is missing or null. */
function typed(entries: Entries, key: string, type: 'number', rule: string, path: string): number | undefined;
function typed(entries: Entries, key: string, type: 'boolean', rule: string, path: string): boolean | undefined;
function typed(entries: Entries, key: string, type: string, rule: string, path: string): unknown {
  const value = entries.get(key) ?? undefined;
  if (value === undefined || typeof value === type) return value;
  throw refusal(path, `"${key}"`, rule, value);
}

const isId = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0;
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function list<T>(
  entries: Entries,
  key: string,
  is: (value: unknown) => value is T,
  rule: string,
  path: string,
): readonly T[] | undefined {
  const value = entries.get(key) ?? undefined;
  if (value === undefined) return undefined;
  const values: unknown[] = Array.isArray(value) ? value : [value];
  if (values.every(is)) return values;
  throw refusal(path, `"${key}"`, rule, value);
}

function refusal(path: string, what: string, rule: string, got: unknown): CheckpointError {
  return new CheckpointError('generation-config', `${path}: ${what} must be ${rule}; got ${JSON.stringify(got)}.`, {
    file: path,
  });
}

function unusedNotice(unused: readonly string[], path: string): string[] {
  if (unused.length === 0) return [];
  return [`${path}: do_sample is false, so the likeliest token is taken and ${unused.join(', ')} are not used.`];
}

function noticesOf(entries: Entries, path: string): string[] {
  return [...entries].flatMap(([key, value]) => {
    if (value === null || followed.includes(key) || silent.has(key)) return [];
    if (Object.hasOwn(neutral, key) && neutral[key] === value) return [];
    if (Array.isArray(value) && value.length === 0) return [];
    const guess = nearest(key, followed);
    const advice = guess === undefined || Object.hasOwn(neutral, key) ? '' : ` Did you mean "${guess}"?`;
    return [`${path}: "${key}": ${JSON.stringify(value)} is not followed.${advice}`];
  });
}
