// A language model: embeddings (with learned positions where the config asks for them), blocks, a last norm, and a head that reads
// the embedding table again (paper.md 1.7). Parameter names are those of the released checkpoints. One apply serves training,
// prefill, single steps and anything between, by the state it takes and gives.
import { UsageError } from '../errors.ts';
import type { Value } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import { dropout } from '../nn/dropout.ts';
import { type Embedding, embedding } from '../nn/embedding.ts';
import { normal } from '../nn/initialize.ts';
import { layerNorm } from '../nn/layer-norm.ts';
import { checkPosition, type MixerContext, type State, type StateShape } from '../nn/mixer.ts';
import { rootScope } from '../nn/scope.ts';
import { weightMatrix } from '../nn/weight-matrix.ts';
import { add, addI32, iota, mean, reshape, sliceAxis } from '../ops/index.ts';
import { elementCount } from '../tensor/shape.ts';
import { type Block, block } from './block.ts';
import { layerKinds, type ModelConfig, type ModelConfigInput, paddedVocabularySize } from './config.ts';
import { parseModelConfig } from './parse-config.ts';

export interface LossContext extends MixerContext {
  /**
   * Layers that a gradient of the result computes again instead of keeping what is inside them: all, or the layers with these
   * numbers (from 0). The same numbers for less memory and more time. Default: none.
   */
  readonly recompute?: boolean | readonly number[] | undefined;
}

export interface ModelContext extends LossContext {
  /** `last`: logits of the last position only, [batch, 1, columns]; default `all`. */
  readonly logits?: 'all' | 'last' | undefined;
}

export interface ModelResult {
  /** [batch, length, columns]; columns = padded vocabulary. */
  readonly logits: Value;
  /** Every layer's state after the last token, by the names of `stateShapes`. */
  readonly state: State;
}

export interface LanguageModel {
  readonly config: ModelConfig;
  /** Every parameter, in order of declaration. */
  readonly variables: readonly Variable[];
  /** Rows of the embedding table and columns of the logits. */
  readonly paddedVocabularySize: number;
  /** The arrays of the state of `batch` sequences; `capacity` is the most tokens an attention cache can hold. */
  stateShapes(batch: number, capacity: number): readonly StateShape[];
  /** @param tokens i32 [batch, length]; an id outside the table gives NaN. */
  apply(tokens: Value, context?: ModelContext): ModelResult;
  /**
   * −log p(target t | tokens up to t) in nats over the padded vocabulary, without the logits of the whole batch; 0 where the
   * target is −100. @param tokens i32 [batch, length] @param targets like tokens → [batch, length]
   */
  targetLosses(tokens: Value, targets: Value, context?: LossContext): Value;
  /** −log p(token t+1 | tokens up to t) in nats over the padded vocabulary. @param tokens i32 [batch, length + 1] → [batch, length] */
  tokenLosses(tokens: Value, context?: LossContext): Value;
  /** The mean of `tokenLosses`, a scalar. */
  loss(tokens: Value, context?: LossContext): Value;
}

/**
 * Declares a model; nothing is allocated until a store initialises `variables`.
 * @throws CheckpointError for a bad config (see `parseModelConfig`).
 */
export function languageModel(given: ModelConfigInput): LanguageModel {
  const config = parseModelConfig(given);
  const root = rootScope(config.quantization);
  const backbone = root.child('backbone');
  const columns = paddedVocabularySize(config);
  const { d_model: width, initializer_range: deviation } = config;
  const embeddings = backbone.child('embeddings');
  const words = embedding(embeddings.child('word_embeddings'), { rows: columns, width, deviation });
  const positions =
    config.max_position_embeddings > 0
      ? embedding(embeddings.child('position_embeddings'), { rows: config.max_position_embeddings, width, deviation })
      : undefined;
  const layers = layerKinds(config).map((kind, layer) => block(backbone.child(`layers.${layer}`), config, kind));
  const norm = layerNorm(backbone.child('ln_f'), { width });
  const head = config.tie_embeddings
    ? words.weight
    : weightMatrix(root.child('lm_head'), 'weight', { rows: columns, columns: width, initialize: normal(deviation) });

  /** What the head reads, [batch, length, width]. */
  const hiddenOf = (tokens: Value, context: ModelContext): { readonly hidden: Value; readonly state: State } => {
    const length = checkTokens(tokens);
    return backbone.within(() => {
      const embedded = embeddings.within(() => embed(words, positions, { tokens, context }));
      const dropped = dropout(embedded, config.embed_dropout, context.random);
      const { x, state } = runLayers(layers, dropped, context);
      const shown = context.logits === 'last' ? sliceAxis(x, 1, length - 1, length) : x;
      return { hidden: norm.apply(shown), state };
    });
  };
  const apply = (tokens: Value, context: ModelContext): ModelResult => {
    const { hidden, state } = hiddenOf(tokens, context);
    return { logits: root.child('lm_head').within(() => head.apply(hidden)), state };
  };
  const targetLosses = (tokens: Value, targets: Value, context: LossContext): Value => {
    const { hidden } = hiddenOf(tokens, context);
    return root.child('loss').within(() => {
      const losses = head.crossEntropy(reshape(hidden, [-1, width]), reshape(targets, [-1]));
      return reshape(losses, tokens.shape);
    });
  };
  const tokenLosses = (tokens: Value, context: LossContext): Value => {
    const length = checkTokens(tokens, 2) - 1;
    return targetLosses(sliceAxis(tokens, 1, 0, length), sliceAxis(tokens, 1, 1, length + 1), context);
  };
  return {
    config,
    variables: root.variables,
    paddedVocabularySize: columns,
    stateShapes: (batch, capacity) =>
      layers.flatMap((layer, at) =>
        layer.stateShapes(batch, capacity).map((shape) => ({ ...shape, name: stateName(at, shape.name) })),
      ),
    apply: (tokens, context = {}) => apply(tokens, context),
    targetLosses: (tokens, targets, context = {}) => targetLosses(tokens, targets, context),
    tokenLosses: (tokens, context = {}) => tokenLosses(tokens, context),
    loss: (tokens, context = {}) => mean(tokenLosses(tokens, context)),
  };
}

function stateName(layer: number, name: string): string {
  return `layers.${layer}.${name}`;
}

function runLayers(
  layers: readonly Block[],
  input: Value,
  { recompute = false, ...context }: LossContext,
): { readonly x: Value; readonly state: State } {
  const state: Record<string, Value> = {};
  const again = recomputedLayers(recompute, layers.length);
  let x = input;
  layers.forEach((layer, at) => {
    const given = context.state && layerState(context.state, at);
    const result = layer.apply(x, { ...context, state: given, recompute: again.has(at) });
    x = result.y;
    for (const [name, value] of Object.entries(result.state)) state[stateName(at, name)] = value;
  });
  return { x, state };
}

function recomputedLayers(chosen: boolean | readonly number[], count: number): ReadonlySet<number> {
  const layers = typeof chosen === 'boolean' ? Array.from({ length: chosen ? count : 0 }, (_, layer) => layer) : chosen;
  const unknown = layers.find((layer) => !(Number.isInteger(layer) && layer >= 0 && layer < count));
  if (unknown === undefined) return new Set(layers);
  throw new UsageError(
    'recompute-layers',
    `language model: recompute takes true, false or numbers of layers from 0 to ${count - 1}; got ${unknown}. Name layers that the model has.`,
    { layer: unknown, layers: count },
  );
}

function layerState(state: State, layer: number): State {
  const prefix = stateName(layer, '');
  const own = Object.entries(state).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
}

function embed(
  words: Embedding,
  positions: Embedding | undefined,
  given: { readonly tokens: Value; readonly context: MixerContext },
): Value {
  const { tokens, context } = given;
  const embedded = words.apply(tokens);
  if (!positions) return embedded;
  const [batch = 1, length = 0] = tokens.shape;
  const [longest = 0] = positions.weight.variable.shape;
  if (length > longest) {
    throw new UsageError(
      'sequence-too-long',
      `language model: learned positions end at ${longest} (max_position_embeddings); got a sequence of ${length}. Use shorter sequences.`,
      { length, longest },
    );
  }
  if (context.state && !context.position) {
    throw new UsageError(
      'missing-position',
      'language model: with learned positions a call with a state needs `position`, the number of tokens before it; got none. Pass an i32 scalar, or one for each sequence.',
    );
  }
  const ids = iota(length, 'i32');
  if (!context.position) return add(embedded, positions.apply(ids));
  checkPosition(context.position, batch, 'language model');
  const count = elementCount(context.position.shape);
  const first = reshape(context.position, count === 1 ? [1] : [count, 1]);
  return add(embedded, positions.apply(addI32(ids, first)));
}

/** The length of tokens that are i32 [batch, length ≥ least]. */
function checkTokens(tokens: Value, least = 1): number {
  const [, length] = tokens.shape;
  if (tokens.shape.length !== 2 || length === undefined || tokens.dtype !== 'i32') {
    throw new UsageError(
      'token-shape',
      `language model: tokens must be i32 [batch, length]; got ${tokens.dtype}[${tokens.shape.join(', ')}].`,
      { shape: tokens.shape, dtype: tokens.dtype },
    );
  }
  if (length >= least) return length;
  throw new UsageError(
    'token-length',
    `language model: ${least === 1 ? 'a sequence needs at least 1 token' : `a loss needs at least ${least} tokens, the last one only as a target`}; got ${length}.`,
    { length, least },
  );
}
