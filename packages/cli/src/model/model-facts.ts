// What a model is made of, as data: layers by kind, parameters by part, the memory of a sequence. From its declaration alone.
import {
  countParameters,
  type LanguageModel,
  languageModel,
  layerKinds,
  type MixerKind,
  type ModelConfig,
  type ParameterCount,
  parameterCount,
  stateBytesPerSequence,
} from 'hippo';

export interface KindFacts {
  readonly kind: MixerKind;
  readonly layers: readonly number[];
  /** Parameters of one such layer, its MLP and norms included. */
  readonly parameters: number;
}

export interface ModelFacts {
  readonly layers: readonly MixerKind[];
  readonly kinds: readonly KindFacts[];
  readonly width: number;
  readonly vocabulary: number;
  readonly paddedVocabulary: number;
  readonly parameters: ParameterCount;
  /** As they are held: f32, or packed integers with their scales. */
  readonly parameterBytes: number;
  readonly quantization?: ModelConfig['quantization'];
  /** Of one sequence, whatever its length. */
  readonly recurrentStateBytes: number;
  /** Of one sequence of so many tokens. */
  readonly attentionCache: readonly { readonly tokens: number; readonly bytes: number }[];
  readonly attentionCacheBytes: number;
  readonly attentionCacheTokens: number;
}

/** Lengths that every report names. */
const usualLengths = [1024, 2048, 8192];

/** @param context one more length of the attention cache */
export function factsOf(model: LanguageModel, context: number): ModelFacts {
  const { config } = model;
  // Words of quantised weights are no parameters: those are counted in the f32 model.
  const float = config.quantization ? languageModel({ ...config, quantization: undefined }) : model;
  const count = parameterCount(float);
  const { constantBytes, bytesPerToken, bytes } = stateBytesPerSequence(config, context);
  const lengths = [...new Set([...usualLengths, context])].sort((a, b) => a - b);
  return {
    layers: layerKinds(config),
    kinds: kindsOf(float, config),
    width: config.d_model,
    vocabulary: config.vocab_size,
    paddedVocabulary: model.paddedVocabularySize,
    parameters: count,
    parameterBytes: 4 * countParameters(model.variables),
    ...(config.quantization && { quantization: config.quantization }),
    recurrentStateBytes: constantBytes,
    attentionCache: lengths.map((tokens) => ({ tokens, bytes: bytesPerToken * tokens })),
    attentionCacheBytes: bytes - constantBytes,
    attentionCacheTokens: context,
  };
}

function kindsOf({ variables }: LanguageModel, config: ModelConfig): readonly KindFacts[] {
  const kinds = layerKinds(config);
  return [...new Set(kinds)].map((kind) => {
    const layers = kinds.flatMap((found, layer) => (found === kind ? [layer] : []));
    const prefix = `backbone.layers.${layers[0]}.`;
    return { kind, layers, parameters: countParameters(variables.filter(({ name }) => name.startsWith(prefix))) };
  });
}

/** `0–5, 7–11` */
export function formatLayers(layers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const layer of layers) {
    const last = runs.at(-1);
    if (last && last[1] === layer - 1) last[1] = layer;
    else runs.push([layer, layer]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(', ');
}
