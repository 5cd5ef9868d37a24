// Quantises a model folder into another one, tensor by tensor: memory holds one f32 tensor and its words.
import { join, resolve } from 'node:path';
import { checkAgainst } from '../checkpoint/check-against.ts';
import type { TensorToWrite } from '../checkpoint/safetensors-writer.ts';
import { storedBytes } from '../checkpoint/safetensors-writer.ts';
import { UsageError } from '../errors.ts';
import { languageModel } from '../models/language-model.ts';
import { quantizedTwin, quantizeTensor } from '../models/quantize-model.ts';
import type { Quantization } from '../tensor/quantization.ts';
import { loadTokenizer } from '../text/load-tokenizer.ts';
import { exists } from './files.ts';
import { generationConfigName } from './generation-config.ts';
import { openWeights, readModelConfig, readTokenizerFiles, resolveModelFolder, saveModel } from './model-folder.ts';
import { readJson } from './read-json.ts';

export interface QuantizedFolder {
  readonly tensors: number;
  /** Bytes of all weights before and after, and how many of the latter are packed integers with their scales. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly quantizedBytes: number;
}

/**
 * Reads a model or run folder and writes its quantised twin as a model folder.
 * @throws UsageError `same-folder`, `already-quantized`; CheckpointError when the folder or its weights are missing, damaged or hold
 * a number that is not finite.
 */
export async function quantizeFolder(
  from: string,
  to: string,
  options: Quantization & { readonly onTensor?: (done: number, total: number) => void },
): Promise<QuantizedFolder> {
  const folder = await resolveModelFolder(from);
  if (resolve(folder) === resolve(to))
    throw new UsageError(
      'same-folder',
      `quantize: the new folder must be another one, since it replaces what is there; got ${to} twice. Name a new folder.`,
      { folder },
    );
  const config = await readModelConfig(folder);
  const twin = quantizedTwin(config, options);
  await using weights = await openWeights(folder);
  const float = languageModel(config);
  checkAgainst(weights, new Map(float.variables.map(({ name, shape }) => [name, shape])), folder);
  const total = twin.variables.length;
  let done = 0;
  const tensors = twin.variables.map((variable): TensorToWrite => {
    const { name, shape, dtype } = variable;
    const read = async () => {
      const made = quantizeTensor(variable, await weights.read(name), options);
      options.onTensor?.(++done, total);
      return made;
    };
    return { name, shape, dtype, read };
  });
  const generationPath = join(folder, generationConfigName);
  const generation = (await exists(generationPath)) ? await readJson(generationPath) : undefined;
  await saveModel(to, {
    config: twin.config,
    tensors,
    tokenizer: await loadTokenizer(await readTokenizerFiles(folder)),
    ...(isRecord(generation) && { generation }),
  });
  const bytesOf = (list: readonly TensorToWrite[]): number => list.reduce((sum, one) => sum + storedBytes(one), 0);
  return {
    tensors: total,
    bytesBefore: [...weights.tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    bytesAfter: bytesOf(tensors),
    quantizedBytes: bytesOf(tensors.filter(({ dtype }) => dtype === 'i32')),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
