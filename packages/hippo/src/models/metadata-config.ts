// Settings that a file of weights carries itself: the configuration that `saveModel` puts into a safetensors file, or the numbers
// that training scripts keep beside the weights of a PyTorch checkpoint (hyper_parameters.…, model_args.…, args.…).
import type { TensorSource } from '../checkpoint/safetensors.ts';
import { CheckpointError } from '../errors.ts';
import type { ModelConfig } from './config.ts';

/** The last part of a number's path → the setting; only what tensors cannot tell. */
const scriptNames = new Map<string, 'num_heads' | 'rotary_emb_dim'>([
  ['num_heads', 'num_heads'],
  ['n_heads', 'num_heads'],
  ['n_head', 'num_heads'],
  ['nheads', 'num_heads'],
  ['rotary_emb_dim', 'rotary_emb_dim'],
]);

/** @throws CheckpointError `metadata` for a configuration that is no JSON. */
export function metadataConfig({ metadata }: Pick<TensorSource, 'metadata'>, file: string): Partial<ModelConfig> {
  return metadata.config === undefined ? scriptSettings(metadata) : ownConfig(metadata.config, file);
}

function ownConfig(text: string, file: string): Partial<ModelConfig> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(
      'metadata',
      `${file}: the metadata "config" must be JSON; got ${(cause as Error).message}. Load the folder with its config.json instead.`,
      { file },
      { cause },
    );
  }
  // Other programs use the same key for what they like.
  const isOurs =
    typeof config === 'object' && config !== null && 'model_type' in config && config.model_type === 'hippo';
  return isOurs ? (config as Partial<ModelConfig>) : {};
}

/** A setting that stands there once, or several times with one value; where the values differ, nothing is told. */
function scriptSettings(metadata: Readonly<Record<string, string>>): Partial<ModelConfig> {
  const found = new Map<'num_heads' | 'rotary_emb_dim', Set<number>>();
  for (const [path, text] of Object.entries(metadata)) {
    const setting = scriptNames.get(path.split('.').at(-1) ?? '');
    if (!setting || !/^\d+$/.test(text)) continue;
    const values = found.get(setting) ?? new Set();
    found.set(setting, values.add(Number(text)));
  }
  return Object.fromEntries([...found].flatMap(([key, [value, ...more]]) => (more.length === 0 ? [[key, value]] : [])));
}
