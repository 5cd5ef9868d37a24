// Any checkpoint → a model folder, as a stream: one tensor at a time and a large one in parts, so that a model of any size is
// converted in the memory of one part. What sets an SSM's poles and time steps stays f32, as in the official half-precision script:
// bf16 would move the phase of a pole by more than a radian within a few hundred steps.
import type { TensorSource } from '../checkpoint/safetensors.ts';
import type { FloatStorage, TensorToWrite } from '../checkpoint/safetensors-writer.ts';
import { tensorPieces } from '../checkpoint/tensor-pieces.ts';
import type { ConfigOverrides } from '../models/complete-config.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { findTokenizer } from './find-tokenizer.ts';
import { readGenerationFile } from './generation-config.ts';
import { saveModel } from './model-folder.ts';
import { type CheckpointOrigin, openCheckpoint } from './open-checkpoint.ts';

export interface ConvertOptions {
  readonly overrides?: ConfigOverrides | undefined;
  /** How floats are stored, but for the state spaces' own parameters. Default `f32`. */
  readonly floats?: FloatStorage | undefined;
  /** Most bytes of one file; default 5e9. */
  readonly shardBytes?: number | undefined;
  /** `gpt2`, `byte` or a folder with tokenizer files; default: the checkpoint's own. */
  readonly tokenizer?: string | undefined;
  /** Called before each tensor, of `total`. */
  readonly onTensor?: ((name: string, done: number, total: number) => void) | undefined;
}

export interface Conversion {
  readonly origin: CheckpointOrigin;
  readonly model: LanguageModel;
  /** Whether the new folder can turn text into tokens. */
  readonly hasTokenizer: boolean;
}

/**
 * Writes a checkpoint as a model folder; a model folder of that name is replaced in one step.
 * @throws CheckpointError as `openCheckpoint` and `saveModel`, `float-range` for a number that f16 cannot hold.
 */
export async function convertModel(from: string, to: string, options: ConvertOptions = {}): Promise<Conversion> {
  const { overrides, floats = 'f32', shardBytes, onTensor } = options;
  await using checkpoint = await openCheckpoint(from, { overrides });
  const { config, model, weights, origin } = checkpoint;
  const tokenizer = await findTokenizer({
    chosen: options.tokenizer,
    folder: origin.folder,
    file: origin.folder ?? origin.file,
    vocabularySize: config.vocab_size,
  });
  const generation = await readGenerationFile(origin.folder);
  await saveModel(to, {
    config,
    tensors: tensorsToConvert(model.variables, weights, onTensor),
    tokenizer,
    floats,
    ...(shardBytes !== undefined && { shardBytes }),
    ...(generation && { generation }),
  });
  return { origin, model, hasTokenizer: tokenizer.kind !== 'none' };
}

/** Parameters of state-space models, which half precision would change beyond use. */
const stateSpace = /\.(?:ssm_k_kernel|kernel)\.|\.mixer\.(?:D|ssm_k_D)$/;

/** A source's tensors as tensors to write, in parts and in the order of the variables. */
export function tensorsToConvert(
  variables: LanguageModel['variables'],
  weights: TensorSource,
  onTensor: ConvertOptions['onTensor'] = () => {},
): TensorToWrite[] {
  return variables.map(({ name, shape, dtype }, index) => ({
    name,
    shape,
    dtype,
    read: () => weights.read(name),
    pieces: () => {
      onTensor(name, index, variables.length);
      return tensorPieces(weights, name);
    },
    ...(stateSpace.test(name) && { floats: 'f32' as const }),
  }));
}
