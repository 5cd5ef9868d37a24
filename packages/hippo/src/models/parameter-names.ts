// The names in a file of H3 weights → ours, which are the official ones of today (official loader: ssm_seq.py, load_state_dict).
//   older names   s4seq.encoder.layers.0… → backbone.layers.0…, embedding.weight → backbone.embeddings.word_embeddings.weight
//   older order   mixer → add → norm1 → MLP → add → norm2, with one norm before the first layer (`backbone.norm`, or `ln_0`). Today a
//                 norm stands before what it feeds: norm → layer 0's norm1, norm1 of l → norm2 of l, norm2 of l → norm1 of l + 1,
//                 and that of the last layer → ln_f.
//   wrappers      model. (PyTorch Lightning), module. (data parallel), _orig_mod. (compiled), in any order.
import type { StoredTensor } from '../checkpoint/adapted-source.ts';
import { CheckpointError } from '../errors.ts';

/** How a file names and stores a model's parameters. */
export interface ParameterNames {
  readonly naming: 'H3' | 'H3, older names' | 'H3, older order of norms' | 'GPT-2';
  /** By our names. */
  readonly stored: ReadonlyMap<string, StoredTensor>;
  /** What the file holds besides parameters, and why it is left out. */
  readonly ignored: readonly { readonly name: string; readonly reason: string }[];
}

const wrappers = /^(?:(?:model|module|_orig_mod)\.)+/;

export interface UnwrappedNames {
  /** For sentences. */
  readonly file: string;
  /** A name without its wrappers → the name in the file. */
  readonly names: ReadonlyMap<string, string>;
  readonly ignored: ParameterNames['ignored'];
}

/**
 * Takes the wrappers off. A trainer that keeps the network as `model.…` stores its own numbers (metrics, losses) beside it: where
 * there are both, those are left out.
 * @throws CheckpointError `ambiguous-names` when two names are the same without wrappers.
 */
export function unwrapNames(stored: Iterable<string>, file: string): UnwrappedNames {
  const all = [...stored];
  const isNetwork = (name: string): boolean => (name.match(wrappers)?.[0] ?? '').includes('model.');
  const beside = new Set(all.some(isNetwork) ? all.filter((name) => !isNetwork(name)) : []);
  const names = new Map<string, string>();
  for (const name of all) {
    if (beside.has(name)) continue;
    addName(names, { name: name.replace(wrappers, ''), value: name, from: (other) => other }, file);
  }
  return {
    file,
    names,
    ignored: [...beside].map((name) => ({ name, reason: 'numbers of the trainer, beside "model."' })),
  };
}

/**
 * Adds a name that must be new; `from` gives the name in the file of what is added.
 * @throws CheckpointError `ambiguous-names` naming both tensors.
 */
export function addName<T>(
  names: Map<string, T>,
  { name, value, from }: { readonly name: string; readonly value: T; readonly from: (value: T) => string },
  file: string,
): void {
  const other = names.get(name);
  if (other === undefined) {
    names.set(name, value);
    return;
  }
  throw new CheckpointError(
    'ambiguous-names',
    `${file}: one tensor a parameter; got both "${from(other)}" and "${from(value)}". Keep one of the two models in a file of its own.`,
    { file, names: [from(other), from(value)] },
  );
}

/** Buffers that modules register and that follow from the configuration. */
const buffers: readonly (readonly [RegExp, string])[] = [
  [/\.rotary_emb\.(?:inv_freq|scale)$/, 'the frequencies of the rotary embedding'],
];

const older = {
  prefix: /^s4seq\.encoder\./,
  embedding: /^embedding\./,
  firstNorm: /^backbone\.(?:norm|ln_0)\.(weight|bias)$/,
} as const;

/** Maps the names of an H3 file, wrappers already taken off. */
export function h3ParameterNames({ names, ignored, file }: UnwrappedNames): ParameterNames {
  const renamed = new Map<string, string>();
  for (const [old, value] of names) {
    const name = old
      .replace(older.prefix, 'backbone.')
      .replace(older.embedding, 'backbone.embeddings.word_embeddings.');
    addName(renamed, { name, value, from: (stored) => stored }, file);
  }
  const hasOlderNames = [...names.keys()].some((name) => older.prefix.test(name) || older.embedding.test(name));
  const hasOlderOrder = [...renamed.keys()].some((name) => older.firstNorm.test(name));
  const layers = layerCount(renamed.keys());
  const stored = new Map<string, StoredTensor>();
  const left = [...ignored];
  for (const [name, from] of renamed) {
    const reason = buffers.find(([pattern]) => pattern.test(name))?.[1];
    if (reason) left.push({ name: from, reason });
    else
      addName(
        stored,
        { name: hasOlderOrder ? ordered(name, layers) : name, value: { stored: from }, from: (place) => place.stored },
        file,
      );
  }
  const naming = hasOlderOrder ? 'H3, older order of norms' : hasOlderNames ? 'H3, older names' : 'H3';
  return { naming, stored, ignored: left };
}

const layerPattern = /^backbone\.layers\.(\d+)\./;

/** One more than the highest layer number among our names. */
export function layerCount(names: Iterable<string>): number {
  let count = 0;
  for (const name of names) count = Math.max(count, Number(layerPattern.exec(name)?.[1] ?? -1) + 1);
  return count;
}

/** A name in the older order of norms → the name of the same norm today. */
function ordered(name: string, layers: number): string {
  const [, firstPart] = older.firstNorm.exec(name) ?? [];
  if (firstPart) return `backbone.layers.0.norm1.${firstPart}`;
  const [, layer, norm, part] = /^backbone\.layers\.(\d+)\.norm([12])\.(weight|bias)$/.exec(name) ?? [];
  if (layer === undefined) return name;
  if (norm === '1') return `backbone.layers.${layer}.norm2.${part}`;
  const next = Number(layer) + 1;
  return next === layers ? `backbone.ln_f.${part}` : `backbone.layers.${next}.norm1.${part}`;
}
