// generation_config.json: how the authors of a model would sample from it, in the ecosystem's names.
import { join } from 'node:path';
import { CheckpointError } from '../errors.ts';
import type { SamplingOptions } from '../generate/sampler.ts';
import { exists } from './files.ts';
import { readJson } from './read-json.ts';

export const generationConfigName = 'generation_config.json';

const names = { temperature: 'temperature', topK: 'top_k', topP: 'top_p' } as const;

/**
 * The sampling defaults of a model folder; empty where there is no file. `do_sample: false` means greedy. Keys that say nothing
 * about sampling are other tools' business.
 * @throws CheckpointError `generation-config` when a value is not a number.
 */
export async function readGenerationConfig(folder: string): Promise<SamplingOptions> {
  const path = join(folder, generationConfigName);
  if (!(await exists(path))) return {};
  const config = await readJson(path);
  const values = (typeof config === 'object' && config !== null ? config : {}) as Record<string, unknown>;
  const found = Object.entries(names).flatMap(([option, key]) => {
    const value = values[key];
    if (value === undefined || value === null) return [];
    if (typeof value === 'number') return [[option, value] as const];
    throw new CheckpointError(
      'generation-config',
      `${path}: "${key}" must be a number; got ${JSON.stringify(value)}.`,
      { file: path, key },
    );
  });
  return { ...Object.fromEntries(found), ...(values.do_sample === false && { greedy: true }) };
}
