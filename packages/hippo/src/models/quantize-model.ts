// From an f32 model to the same model with quantised matrices: its configuration, and its tensors one at a time.
import { UsageError } from '../errors.ts';
import type { TypedArray } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { groupSize, type Quantization, quantizeRows } from '../tensor/quantization.ts';
import type { ModelConfig } from './config.ts';
import { type LanguageModel, languageModel } from './language-model.ts';

/**
 * Declares the quantised twin of a model: the same names, i32 words in place of matrices.
 * @throws UsageError `already-quantized`.
 */
export function quantizedTwin(config: ModelConfig, { bits }: Quantization): LanguageModel {
  if (config.quantization)
    throw new UsageError(
      'already-quantized',
      `quantize: the model must have f32 weights; got one with ${config.quantization.bits} bits. Quantise the model it was made from.`,
      { bits: config.quantization.bits },
    );
  return languageModel({ ...config, quantization: bits === 4 ? { bits, group_size: groupSize } : { bits } });
}

/**
 * The content of a variable of the twin, from that of the variable of the same name in the f32 model.
 * @throws CheckpointError `not-finite`.
 */
export function quantizeTensor(
  variable: LanguageModel['variables'][number],
  given: HostTensor,
  { bits }: Quantization,
): HostTensor {
  if (variable.dtype === 'f32') return given;
  const data = quantizeRows(asFloats(given.data), { bits, inputs: given.shape[1] ?? 1 }, variable.name);
  return { shape: variable.shape, dtype: 'i32', data };
}

function asFloats(data: TypedArray): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data);
}
