// Which folder a path means, and the configuration in it: of Hippo, or of GPT-2 in the common library's layout.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../errors.ts';
import type { ModelConfig } from '../models/config.ts';
import { gpt2Config } from '../models/gpt2-weights.ts';
import { parseModelConfig } from '../models/parse-config.ts';
import { exists, foldersIn, recoverFolder } from './files.ts';
import { readJson } from './read-json.ts';
import { findWeights } from './weight-files.ts';

/**
 * The model folder that a path means: the path itself, or in a run folder its best checkpoint, else its newest. A folder of
 * weights without a config.json is one too.
 * @throws CheckpointError `no-model` when there is none.
 */
export async function resolveModelFolder(path: string): Promise<string> {
  await recoverFolder(path);
  if (await exists(join(path, 'config.json'))) return path;
  for (const name of ['best', ...(await foldersIn(join(path, 'checkpoints'), /^step-\d+$/)).reverse()]) {
    const folder = join(path, 'checkpoints', name);
    await recoverFolder(folder);
    if (await exists(join(folder, 'config.json'))) return folder;
  }
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => undefined,
  );
  if (isFolder && (await findWeights(path)) !== undefined) return path;
  throw new CheckpointError(
    'no-model',
    `${path}: a model folder has a config.json or a file of weights, and a run folder has checkpoints/; got ${isFolder ? 'a folder with neither' : 'nothing'}. Give the folder that \`hippo train\` wrote, or a checkpoint file.`,
    { path },
  );
}

/** The checked configuration of a model or run folder. @throws CheckpointError `no-config` where the folder has weights alone. */
export async function readModelConfig(path: string): Promise<ModelConfig> {
  const folder = await resolveModelFolder(path);
  const config = await readFolderConfig(folder);
  if (config) return config;
  throw new CheckpointError(
    'no-config',
    `${folder}: the folder has weights and no config.json. Open it as a checkpoint, which infers the configuration.`,
    { folder },
  );
}

/** The configuration in a folder's config.json; undefined where there is none. */
export async function readFolderConfig(folder: string): Promise<ModelConfig | undefined> {
  const path = join(folder, 'config.json');
  if (!(await exists(path))) return undefined;
  const json = await readJson(path);
  const type = isRecord(json) ? json.model_type : undefined;
  if (type === 'gpt2') return parseModelConfig(gpt2Config(json as Record<string, unknown>, path));
  if (type === undefined || type === 'hippo') return parseModelConfig(withoutEcosystemKeys(json));
  throw new CheckpointError(
    'model-type',
    `${path}: "model_type" must be hippo or gpt2; got ${JSON.stringify(type)}. Models of other kinds cannot be loaded.`,
    { file: path, type },
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Keys that other tools expect in a config.json and that say nothing about our model. */
function withoutEcosystemKeys(config: unknown): unknown {
  if (!isRecord(config)) return config;
  const { architectures: _a, torch_dtype: _t, dtype: _d, transformers_version: _v, ...rest } = config;
  return rest;
}
