// The hybrid H3 language model and its training step in @jax-js/jax 0.1.25 (WebAssembly backend): forward, backward, clipping and
// AdamW, with the weights, tokens and hyperparameters of exercise.ts. Every part of the model is jitted, and so is the optimiser.
import { blockUntilReady, jit, nn, numpy as np, vjp } from '@jax-js/jax';
import type { ModelConfig } from 'hippo';
import type { OptimizerSettings } from './exercise.ts';
import { type Complex, diagonalSsm, multiply, shiftFilter, shiftTaps, type Tensor } from './h3-jax-sequences.ts';

export type Parameters = Record<string, Tensor>;

/** The parameters below a prefix; each read gives a reference of its own. */
type Reader = (name: string) => Tensor;

const below =
  (read: Reader, prefix: string): Reader =>
  (name) =>
    read(`${prefix}.${name}`);

function linear(x: Tensor, read: Reader): Tensor {
  return np.matmul(x, read('weight').transpose()).add(read('bias'));
}

function layerNorm(x: Tensor, read: Reader): Tensor {
  const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
  return centred
    .mul(np.reciprocal(np.sqrt(variance.add(1e-5))))
    .mul(read('weight'))
    .add(read('bias'));
}

interface Sizes {
  readonly batch: number;
  readonly length: number;
  readonly width: number;
  readonly heads: number;
}

/** [B·L, width] → [width, B, L] */
function channelMajor(rows: Tensor, { batch, length, width }: Sizes): Tensor {
  return rows.transpose().reshape([width, batch, length]);
}

/** log λ and c of the bilinear discretisation, each [H, N]. */
function discretise(read: Reader): { readonly logPole: Complex; readonly c: Complex } {
  const step = np.exp(read('log_dt')).reshape([-1, 1]);
  const half = step.ref.mul(0.5);
  const p = np.exp(read('inv_A_real')).mul(-1).mul(half.ref);
  const q = read('A_imag').mul(half);
  const oneMinus = p.ref.mul(-1).add(1);
  const distance = np.square(oneMinus.ref).add(np.square(q.ref));
  const scale = step.div(distance.ref);
  const logPole = {
    re: np.log1p(p.ref.mul(4).div(distance)).mul(0.5),
    im: np.atan2(q.ref.mul(2), np.square(p).add(np.square(q.ref)).mul(-1).add(1)),
  };
  const part = (name: string, index: number): Tensor => {
    const pairs = read(name);
    const [states = 0] = pairs.shape.slice(-2);
    return pairs.reshape([-1, states, 2]).slice([], [], index);
  };
  const pair = (name: string): Complex => ({ re: part(name, 0), im: part(name, 1) });
  const inverse = { re: oneMinus.mul(scale.ref), im: q.mul(scale) };
  return { logPole, c: multiply(multiply(pair('B'), pair('C')), inverse) };
}

function h3(x: Tensor, read: Reader, sizes: Sizes): Tensor {
  const { batch, length, width } = sizes;
  const project = (name: string): Tensor => channelMajor(linear(x.ref, below(read, name)), sizes);
  const [q, k, v] = [project('q_proj'), project('k_proj'), project('v_proj')];
  x.dispose();
  const skip = (name: string): Tensor => read(name).reshape([width, 1, 1]);
  const shift = below(read, 'ssm_k_kernel.kernel');
  const c = shift('C');
  const taps = shiftTaps(shift('B'), c.reshape(c.shape.slice(1)));
  const shifted = shiftFilter(k.ref, taps).add(k.mul(skip('ssm_k_D')));
  const kv = shifted.mul(v);
  const { logPole, c: readout } = discretise(below(read, 'kernel.kernel'));
  const y = diagonalSsm(kv.ref, logPole, readout).add(kv.mul(skip('D')));
  return linear(
    q
      .mul(y)
      .reshape([width, batch * length])
      .transpose(),
    below(read, 'output_linear'),
  );
}

/** One product a head: the library's batched product runs at half the speed of its plain one. */
function attention(x: Tensor, read: Reader, { batch, length, width, heads }: Sizes): Tensor {
  const size = width / heads;
  const parts = linear(x, below(read, 'Wqkv')).reshape([batch, length, 3, heads, size]);
  const hidden = np.tri(length).equal(0);
  const rows = Array.from({ length: batch }, (_, b) =>
    np.concatenate(
      Array.from({ length: heads }, (__, head) => {
        const part = (index: number): Tensor => parts.ref.slice(b, [], index, head);
        const scores = np.matmul(part(0).mul(1 / Math.sqrt(size)), part(1).transpose());
        return np.matmul(nn.softmax(np.where(hidden.ref, -1e30, scores)), part(2));
      }),
      1,
    ),
  );
  hidden.dispose();
  parts.dispose();
  return linear(np.concatenate(rows, 0), below(read, 'out_proj'));
}

/** −log p of the targets, the mean; logits [rows, columns]. A comparison picks the target's column: a gather's gradient would be a dense scatter. */
function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  const [rows = 0, columns = 0] = logits.shape;
  const chosen = np
    .arange(columns)
    .reshape([1, columns])
    .equal(targets.reshape([rows, 1]));
  const score = np.where(chosen, logits.ref, 0).sum(1);
  return np.mean(nn.logsumexp(logits, 1).sub(score));
}

/** Calls `use` with a reader of the parameters, which are handed over. */
function reading(parameters: Parameters, use: (read: Reader) => Tensor): Tensor {
  const result = use((name) => {
    const found = parameters[name];
    if (!found) throw new Error(`h3-jax: there is no parameter ${name}.`);
    return found.ref;
  });
  for (const parameter of Object.values(parameters)) parameter.dispose();
  return result;
}

type Part = (x: Tensor, own: Parameters) => Tensor;

/** x ↦ x + mixer(norm1 x), x ↦ x + mlp(norm2 x), and the loss: each jitted once and used by every layer. */
function makeParts(sizes: Sizes) {
  const mixed = (mixer: typeof h3): Part =>
    jit((x: Tensor, own: Parameters) =>
      reading(own, (read) => x.ref.add(mixer(layerNorm(x, below(read, 'norm1')), below(read, 'mixer'), sizes))),
    );
  const mlp: Part = jit((x: Tensor, own: Parameters) =>
    reading(own, (read) => {
      const inner = nn.gelu(linear(layerNorm(x.ref, below(read, 'norm2')), below(read, 'mlp.fc1')));
      return x.add(linear(inner, below(read, 'mlp.fc2')));
    }),
  );
  const head = jit((x: Tensor, own: Parameters, targets: Tensor) =>
    reading(own, (read) =>
      crossEntropy(np.matmul(layerNorm(x, below(read, 'ln_f')), read('table').transpose()), targets),
    ),
  );
  return { h3: mixed(h3), attention: mixed(attention), mlp, head };
}

/** One part of the model with the names of its parameters: inside the part, and in the model. */
interface Stage {
  readonly part: Part;
  readonly names: ReadonlyMap<string, string>;
}

const table = 'backbone.embeddings.word_embeddings.weight';

function stagesOf(config: ModelConfig, names: readonly string[], parts: ReturnType<typeof makeParts>): Stage[] {
  const below = (prefix: string, ...firsts: string[]): Map<string, string> =>
    new Map(
      names
        .filter((name) => firsts.some((first) => name.startsWith(`${prefix}.${first}.`)))
        .map((name) => [name.slice(prefix.length + 1), name]),
    );
  return Array.from({ length: config.n_layer }, (_, layer) => {
    const prefix = `backbone.layers.${layer}`;
    const mixer = config.attn_layer_idx.includes(layer) ? parts.attention : parts.h3;
    return [
      { part: mixer, names: below(prefix, 'norm1', 'mixer') },
      { part: parts.mlp, names: below(prefix, 'norm2', 'mlp') },
    ];
  }).flat();
}

/**
 * Loss and gradients, part by part with a wait after each: the library allots the memory of all work not yet started, so that the
 * whole step in one jit, or a whole gradient without waits, asks for more than the 4 GiB that WebAssembly can address.
 */
function makeGradient(config: ModelConfig, sizes: Sizes) {
  const parts = makeParts(sizes);
  return async (parameters: Parameters, inputs: Tensor, targets: Tensor) => {
    const given = (name: string): Tensor => {
      const found = parameters[name];
      if (!found) throw new Error(`h3-jax: there is no parameter ${name}.`);
      return found.ref;
    };
    const own = ({ names }: Pick<Stage, 'names'>): Parameters =>
      Object.fromEntries([...names].map(([inside, name]) => [inside, given(name)]));
    const last: Stage = {
      part: (x, own) => parts.head(x, own, targets.ref),
      names: new Map([
        ['ln_f.weight', 'backbone.ln_f.weight'],
        ['ln_f.bias', 'backbone.ln_f.bias'],
        ['table', table],
      ]),
    };
    const stages = [...stagesOf(config, Object.keys(parameters), parts), last];
    const [embedded, pullEmbedding] = vjp((rows: Tensor) => np.take(rows, inputs.ref, 0), [given(table)]);
    let x: Tensor = await blockUntilReady(embedded);
    const pulls = [];
    for (const stage of stages) {
      const [y, pull] = vjp(stage.part, [x, own(stage)]);
      pulls.push({ stage, pull });
      x = await blockUntilReady(y);
    }
    const gradients: Parameters = {};
    const collect = (name: string, gradient: Tensor): void => {
      const sum = gradients[name];
      gradients[name] = sum ? sum.add(gradient) : gradient;
    };
    let cotangent = np.array(1);
    for (const { stage, pull } of pulls.reverse()) {
      const [toX, toOwn] = await blockUntilReady(pull(cotangent));
      pull.dispose();
      cotangent = toX;
      for (const [inside, gradient] of Object.entries(toOwn)) collect(stage.names.get(inside) ?? inside, gradient);
    }
    collect(table, pullEmbedding(cotangent)[0]);
    pullEmbedding.dispose();
    return { loss: x, gradients };
  };
}

/** What a step takes and gives back; the arrays are handed over. */
export type TrainingState = {
  parameters: Parameters;
  first: Parameters;
  second: Parameters;
};

interface Update {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  readonly first: Tensor;
  readonly second: Tensor;
  readonly corrections: Tensor;
  readonly decay: number;
}

function adamW(given: Update, { beta1, beta2, epsilon, learningRate }: OptimizerSettings) {
  const { parameter, gradient, corrections, decay } = given;
  const first = given.first.mul(beta1).add(gradient.ref.mul(1 - beta1));
  const second = given.second.mul(beta2).add(np.square(gradient).mul(1 - beta2));
  const root = np.sqrt(second.ref.mul(corrections.ref.slice(1))).add(epsilon);
  const direction = first.ref.mul(corrections.slice(0)).div(root);
  const step = decay > 0 ? direction.add(parameter.ref.mul(decay)) : direction;
  return { parameter: parameter.sub(step.mul(learningRate)), first, second };
}

/** The step: (state, inputs, targets, the two bias corrections) → new state, loss, gradient norm. */
export function makeTrainStep(
  config: ModelConfig,
  options: {
    readonly batch: number;
    readonly length: number;
    readonly optimizer: OptimizerSettings;
    readonly decaying: ReadonlySet<string>;
  },
) {
  const { batch, length, optimizer, decaying } = options;
  const sizes = { batch, length, width: config.d_model, heads: config.num_heads };
  const lossAndGradients = makeGradient(config, sizes);
  const update = jit(({ parameters, first, second }: TrainingState, gradients: Parameters, corrections: Tensor) => {
    const squares = Object.values(gradients).map((gradient) => np.square(gradient.ref).sum());
    const norm = np.sqrt(squares.reduce((total, part) => total.add(part)));
    const scale = np.minimum(1, np.reciprocal(norm.ref.add(1e-6)).mul(optimizer.clip));
    const next: TrainingState = { parameters: {}, first: {}, second: {} };
    for (const [name, gradient] of Object.entries(gradients)) {
      const [parameter, oldFirst, oldSecond] = [parameters[name], first[name], second[name]];
      if (!parameter || !oldFirst || !oldSecond) throw new Error(`h3-jax: the state lacks ${name}.`);
      const decay = decaying.has(name) ? optimizer.weightDecay : 0;
      const moments = { first: oldFirst, second: oldSecond, corrections: corrections.ref };
      const updated = adamW({ parameter, gradient: gradient.mul(scale.ref), ...moments, decay }, optimizer);
      next.parameters[name] = updated.parameter;
      next.first[name] = updated.first;
      next.second[name] = updated.second;
    }
    for (const value of [scale, corrections]) value.dispose();
    return { state: next, gradientNorm: norm };
  });
  return async (state: TrainingState, inputs: Tensor, targets: Tensor, corrections: Tensor) => {
    const { loss, gradients } = await lossAndGradients(state.parameters, inputs, targets);
    return { loss, ...(await blockUntilReady(update(state, gradients, corrections))) };
  };
}
