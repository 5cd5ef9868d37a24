// Files with weights: which ones a folder has, one file or the shards of an index, safetensors or PyTorch. A file's first bytes tell
// its format, never its name: `.bin` and `.ckpt` have been used for everything. Weights are read by range, one tensor at a time.
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { openPytorch } from '../checkpoint/pytorch/open-pytorch.ts';
import { type ByteSource, openSafetensors, type TensorSource } from '../checkpoint/safetensors.ts';
import { readElements } from '../checkpoint/tensor-pieces.ts';
import { CheckpointError } from '../errors.ts';
import { exists, openFileSource } from './files.ts';
import { readJson } from './read-json.ts';

export const weightsName = 'model.safetensors';
export const indexName = 'model.safetensors.index.json';

/** Names that weights have in a folder, in the order of preference. */
const usualNames = [weightsName, indexName, 'pytorch_model.bin', 'pytorch_model.bin.index.json'] as const;
const weightFile = /\.(?:safetensors|pt|pth|bin|ckpt)$/;
const shardIndex = /\.index\.json$/;

export type WeightFormat = 'safetensors' | 'PyTorch';

/** A source over one file or several, open until it is disposed of. */
export interface OpenWeights extends TensorSource, AsyncDisposable {
  readonly format: WeightFormat;
}

/**
 * The file with a folder's weights: by its usual name, else the only one there.
 * @throws CheckpointError `several-weights` where the folder has several and none by a usual name.
 */
export async function findWeights(folder: string): Promise<string | undefined> {
  for (const name of usualNames) if (await exists(join(folder, name))) return join(folder, name);
  const found = (await readdir(folder))
    .filter((name) => weightFile.test(name) && name !== 'optimizer.safetensors')
    .sort();
  if (found.length > 1)
    throw new CheckpointError(
      'several-weights',
      `${folder}: a folder must say which file holds the model; got ${found.join(', ')}. Give the path of one of them.`,
      { folder, found },
    );
  const [only] = found;
  return only === undefined ? undefined : join(folder, only);
}

/** The file with a folder's weights, or where it should be. @throws CheckpointError `several-weights`. */
export async function weightPath(folder: string): Promise<string> {
  return (await findWeights(folder)) ?? join(folder, weightsName);
}

/** Opens the weights of a folder: one file, or the shards of an index. @throws CheckpointError as `openWeightFile`. */
export async function openWeights(folder: string): Promise<OpenWeights> {
  return openWeightFile(await weightPath(folder));
}

/**
 * Opens a file with weights, or the shards that an index names.
 * @throws CheckpointError `unreadable`, `weights-format`, `shard-index`, and what the format's reader throws.
 */
export async function openWeightFile(path: string): Promise<OpenWeights> {
  return shardIndex.test(path) ? openShards(path) : openTensorFile(path);
}

/** Opens one file; it is closed when its content is refused. */
export async function openTensorFile(path: string): Promise<OpenWeights> {
  const source = await openFileSource(path);
  const close = (): PromiseLike<void> => source[Symbol.asyncDispose]();
  try {
    const format = await formatOf(source);
    const opened = format === 'PyTorch' ? await openPytorch(source) : await openSafetensors(source);
    return { ...opened, format, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * By the first bytes: the JSON object after a safetensors file's eight bytes of length, a zip archive, a pickle. Where they tell
 * nothing, the file is damaged, and its name chooses the reader that says so.
 */
async function formatOf(source: ByteSource): Promise<WeightFormat> {
  const head = await source.read(0, Math.min(9, source.size));
  if (head[8] === 0x7b) return 'safetensors';
  const [zip, pickle] = [head[0] === 0x50 && head[1] === 0x4b, head[0] === 0x80];
  return zip || pickle || /\.(?:pt|pth|bin|ckpt)$/.test(source.name) ? 'PyTorch' : 'safetensors';
}

async function openShards(indexPath: string): Promise<OpenWeights> {
  const index = (await readJson(indexPath)) as { weight_map?: unknown };
  const map = typeof index.weight_map === 'object' && index.weight_map !== null ? Object.entries(index.weight_map) : [];
  const fail = (rule: string): never => {
    throw new CheckpointError('shard-index', `${indexPath}: ${rule} Copy or download the folder again.`, {
      file: indexPath,
    });
  };
  if (map.length === 0) fail('weight_map must name the shard of each tensor.');
  const files = [...new Set(map.map(([, file]) => String(file)))];
  const shardName = basename(indexPath).startsWith('pytorch') ? /^[\w-][\w.-]*\.bin$/ : /^[\w-][\w.-]*\.safetensors$/;
  const escaped = files.find((file) => !shardName.test(file));
  if (escaped !== undefined) fail(`shards must be file names inside the folder; got ${JSON.stringify(escaped)}.`);
  const shards = new Map<string, OpenWeights>();
  const close = async (): Promise<void> => {
    for (const shard of shards.values()) await shard[Symbol.asyncDispose]();
  };
  try {
    for (const file of files) shards.set(file, await openTensorFile(join(dirname(indexPath), file)));
    const shardOf = new Map(map.map(([name, file]) => [name, shards.get(String(file))]));
    const fileOf = new Map(map);
    const missing = (name: string): never => fail(`tensor "${name}" is not in ${String(fileOf.get(name))}.`);
    const holder = (name: string): OpenWeights => shardOf.get(name) ?? missing(name);
    return {
      format: basename(indexPath).startsWith('pytorch') ? 'PyTorch' : 'safetensors',
      tensors: new Map([...shardOf].map(([name, shard]) => [name, shard?.tensors.get(name) ?? missing(name)] as const)),
      metadata: {},
      read: async (name) => holder(name).read(name),
      ...([...shards.values()].every(({ readRange }) => readRange !== undefined) && {
        readRange: async (name: string, begin: number, end: number) => readElements(holder(name), name, [begin, end]),
      }),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
