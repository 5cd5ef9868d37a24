// The configuration as far as the tensors' names and shapes tell it, so that a file without one can be loaded. They tell every size
// and the kind of every layer; not the number of heads, the rotary dimension or the tokens among the padded rows: complete-config.ts.
import { CheckpointError } from '../errors.ts';
import { elementCount, formatShape, type Shape } from '../tensor/shape.ts';
import type { MixerKind, ModelConfig } from './config.ts';
import { layerCount } from './parameter-names.ts';

/** What is told, and by which tensor. */
export interface ToldConfig {
  readonly config: Partial<ModelConfig> & Pick<ModelConfig, 'd_model' | 'n_layer' | 'mixer' | 'attn_layer_idx'>;
  /** Rows of the embedding table: the vocabulary with its padding. */
  readonly rows: number;
  /** Kind of every layer. */
  readonly kinds: readonly MixerKind[];
  /** `"backbone.ln_f.weight" [32]`, by key. */
  readonly evidence: Readonly<Partial<Record<keyof ModelConfig, string>>>;
}

const words = 'backbone.embeddings.word_embeddings.weight';
const positions = 'backbone.embeddings.position_embeddings.weight';

/** A parameter that only this kind of layer has, looked for in this order. */
const marks: readonly (readonly [MixerKind, string])[] = [
  ['attention', 'mixer.Wqkv.weight'],
  ['h3', 'mixer.q_proj.weight'],
  ['gss', 'mixer.u_proj.weight'],
  ['s4d', 'mixer.kernel.kernel.log_dt'],
];

/**
 * @param shapes by our names (parameter-names.ts)
 * @throws CheckpointError `no-embedding`, `no-layers`, `layer-gap`, `unknown-layer` where the tensors are not those of such a model.
 */
export function inferConfig(shapes: ReadonlyMap<string, Shape>, file: string): ToldConfig {
  const reader = shapeReader(shapes);
  const [rows, width] = reader.axes('d_model', words, 2) ?? refuseEmbedding(shapes, file);
  const kinds = layerKindsOf(shapes, file);
  const layersOf = (kind: MixerKind): readonly number[] =>
    kinds.flatMap((found, layer) => (found === kind ? [layer] : []));
  const first = (kind: MixerKind): string | undefined => {
    const [layer] = layersOf(kind);
    return layer === undefined ? undefined : `backbone.layers.${layer}.`;
  };
  const sizes: Partial<Record<keyof ModelConfig, number | boolean | undefined>> = {
    d_inner: reader.axes('d_inner', firstName(shapes, /\.mlp\.fc1\.weight$/), 2)?.[0],
    max_position_embeddings: reader.axes('max_position_embeddings', positions, 2)?.[0] ?? 0,
    ...stateSizes(reader, first, width),
  };
  const known = Object.entries(sizes).filter(([, value]) => value !== undefined);
  const ablation = h3Ablation(shapes, first('h3'));
  return {
    config: {
      d_model: width,
      n_layer: kinds.length,
      ...mixerOf(kinds),
      ...Object.fromEntries(known),
      ...ablation.config,
    },
    rows,
    kinds,
    evidence: { ...reader.evidence, ...layerEvidence(kinds), ...ablation.evidence },
  };
}

/** Sizes that belong to one kind of layer. */
function stateSizes(reader: ShapeReader, first: (kind: MixerKind) => string | undefined, width: number) {
  const [h3, s4d, gss] = [first('h3'), first('s4d'), first('gss')];
  const heads = h3 && reader.axes('head_dim', `${h3}mixer.D`, 1)?.[0];
  const poles = (h3 ?? s4d) && reader.axes('d_state', `${h3 ?? s4d}mixer.kernel.kernel.inv_A_real`, 2)?.[1];
  // Without its diagonal SSM a layer has as many taps as it would have real numbers of state.
  const taps =
    h3 && poles === undefined ? reader.axes('d_state', `${h3}mixer.ssm_k_kernel.kernel.B`, 2)?.[1] : undefined;
  const gatedRows = s4d && reader.axes('s4d_gated', `${s4d}mixer.output_linear.weight`, 2)?.[0];
  return {
    head_dim: heads ? width / heads : undefined,
    d_state: poles ? 2 * poles : taps,
    gss_states: gss ? reader.axes('gss_states', `${gss}mixer.kernel.C`, 3)?.[1] : undefined,
    s4d_gated: gatedRows ? gatedRows === 2 * width : undefined,
  };
}

/** An SSM of which an H3 layer has no tensor at all was left out; one that has only some of them is damaged, and found out later. */
function h3Ablation(
  shapes: ReadonlyMap<string, Shape>,
  layer: string | undefined,
): { readonly config: Partial<ModelConfig>; readonly evidence: ToldConfig['evidence'] } {
  if (layer === undefined) return { config: {}, evidence: {} };
  const lacks = (pattern: RegExp): boolean =>
    ![...shapes.keys()].some((name) => name.startsWith(`${layer}mixer.`) && pattern.test(name));
  const shift = lacks(/\.mixer\.ssm_k_/);
  const diagonal = lacks(/\.mixer\.(D$|kernel\.)/);
  const without = shift === diagonal ? 'none' : shift ? 'shift' : 'diagonal';
  return {
    config: { h3_without: without },
    evidence: { h3_without: `the names of the parameters of "${layer}mixer"` },
  };
}

interface ShapeReader {
  readonly evidence: Partial<Record<keyof ModelConfig, string>>;
  /** The sizes of a tensor of this rank, noted as what tells `key`; undefined where there is no such tensor. */
  axes(key: keyof ModelConfig, name: string | undefined, rank: number): readonly [number, number] | undefined;
}

function shapeReader(shapes: ReadonlyMap<string, Shape>): ShapeReader {
  const evidence: Partial<Record<keyof ModelConfig, string>> = {};
  return {
    evidence,
    axes(key, name, rank) {
      const shape = name === undefined ? undefined : shapes.get(name);
      if (!shape || shape.length !== rank || elementCount(shape) === 0) return undefined;
      evidence[key] = `"${name}" ${formatShape(shape)}`;
      return [shape[0] ?? 1, shape[1] ?? 1];
    },
  };
}

function firstName(shapes: ReadonlyMap<string, Shape>, pattern: RegExp): string | undefined {
  return [...shapes.keys()].find((name) => pattern.test(name));
}

function layerKindsOf(shapes: ReadonlyMap<string, Shape>, file: string): readonly MixerKind[] {
  const count = layerCount(shapes.keys());
  if (count === 0)
    throw new CheckpointError(
      'no-layers',
      `${file}: a model has layers called backbone.layers.0 and so on; got none. Give the file with the whole model.`,
      { file },
    );
  // Before anything is made as large as a number in a name says.
  if (count > shapes.size)
    throw new CheckpointError(
      'layer-gap',
      `${file}: layers must be numbered from 0 without a gap; got layer ${count - 1} among ${shapes.size} tensors. Give the file with the whole model.`,
      { file },
    );
  return Array.from({ length: count }, (_, layer) => {
    const found = marks.find(([, mark]) => shapes.has(`backbone.layers.${layer}.${mark}`));
    if (found) return found[0];
    const present = [...shapes.keys()].filter((name) => name.startsWith(`backbone.layers.${layer}.`)).slice(0, 4);
    throw new CheckpointError(
      'unknown-layer',
      `${file}: layer ${layer} must have one of ${marks.map(([, mark]) => mark).join(', ')}; got ${present.join(', ') || 'no tensor'}. Only models of H3, S4D, GSS and attention layers can be loaded.`,
      { file, layer },
    );
  });
}

/** As a person would write it: one kind with exceptions that are attention, else a list. */
function mixerOf(kinds: readonly MixerKind[]): Pick<ModelConfig, 'mixer' | 'attn_layer_idx'> {
  const others = new Set(kinds.filter((kind) => kind !== 'attention'));
  const [only] = others;
  if (others.size > 1) return { mixer: kinds, attn_layer_idx: [] };
  if (only === undefined) return { mixer: 'attention', attn_layer_idx: [] };
  return { mixer: only, attn_layer_idx: kinds.flatMap((kind, layer) => (kind === 'attention' ? [layer] : [])) };
}

function layerEvidence(kinds: readonly MixerKind[]): ToldConfig['evidence'] {
  const attention = kinds.flatMap((kind, layer) => (kind === 'attention' ? [layer] : []));
  return {
    n_layer: `the layers from backbone.layers.0 to backbone.layers.${kinds.length - 1}`,
    attn_layer_idx:
      attention.length > 0 ? `"mixer.Wqkv.weight" in layers ${attention.join(', ')}` : 'no "mixer.Wqkv.weight"',
    mixer: "the names of the layers' parameters",
  };
}

function refuseEmbedding(shapes: ReadonlyMap<string, Shape>, file: string): never {
  const some = [...shapes.keys()].slice(0, 3).map((name) => `"${name}"`);
  throw new CheckpointError(
    'no-embedding',
    `${file}: a language model has its embedding table as "${words}" (H3), "embedding.weight" (H3, older) or "wte.weight" (GPT-2); got ${shapes.size} other tensors${some.length > 0 ? `, such as ${some.join(', ')}` : ''}. Give the file of such a model.`,
    { file },
  );
}
