// Quantises any checkpoint into a model folder, tensor by tensor: memory holds one f32 tensor and its words.
import { resolve } from 'node:path';
import { storedBytes, type TensorToWrite } from '../checkpoint/safetensors-writer.ts';
import { UsageError } from '../errors.ts';
import type { ConfigOverrides } from '../models/complete-config.ts';
import { quantizedTwin, quantizeTensor } from '../models/quantize-model.ts';
import type { Quantization } from '../tensor/quantization.ts';
import { findTokenizer } from './find-tokenizer.ts';
import { readGenerationFile } from './generation-config.ts';
import { saveModel } from './model-folder.ts';
import { openCheckpoint } from './open-checkpoint.ts';

export interface QuantizeOptions extends Quantization {
  readonly overrides?: ConfigOverrides | undefined;
  /** `gpt2`, `byte` or a folder with tokenizer files; default: the checkpoint's own. */
  readonly tokenizer?: string | undefined;
  readonly onTensor?: (done: number, total: number) => void;
}

export interface QuantizedFolder {
  readonly tensors: number;
  /** Bytes of all weights before and after, and how many of the latter are packed integers with their scales. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly quantizedBytes: number;
}

/**
 * Reads a checkpoint and writes its quantised twin as a model folder.
 * @throws UsageError `same-folder`, `already-quantized`; CheckpointError as `openCheckpoint` and `saveModel`, and for a number that is
 * not finite.
 */
export async function quantizeFolder(from: string, to: string, options: QuantizeOptions): Promise<QuantizedFolder> {
  const { overrides, tokenizer, onTensor } = options;
  await using checkpoint = await openCheckpoint(from, { overrides });
  const { config, weights, origin } = checkpoint;
  const { folder } = origin;
  if (folder !== undefined && resolve(folder) === resolve(to))
    throw new UsageError(
      'same-folder',
      `quantize: the new folder must be another one, since it replaces what is there; got ${to} twice. Name a new folder.`,
      { folder },
    );
  const twin = quantizedTwin(config, options);
  const total = twin.variables.length;
  let done = 0;
  const tensors = twin.variables.map((variable): TensorToWrite => {
    const { name, shape, dtype } = variable;
    const read = async () => {
      const made = quantizeTensor(variable, await weights.read(name), options);
      onTensor?.(++done, total);
      return made;
    };
    return { name, shape, dtype, read };
  });
  const file = folder ?? origin.file;
  const generation = await readGenerationFile(folder);
  await saveModel(to, {
    config: twin.config,
    tensors,
    tokenizer: await findTokenizer({ chosen: tokenizer, folder, file, vocabularySize: config.vocab_size }),
    ...(generation && { generation }),
  });
  const bytesOf = (list: readonly TensorToWrite[]): number => list.reduce((sum, one) => sum + storedBytes(one), 0);
  return {
    tensors: total,
    bytesBefore: [...weights.tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    bytesAfter: bytesOf(tensors),
    quantizedBytes: bytesOf(tensors.filter(({ dtype }) => dtype === 'i32')),
  };
}
