// The training step of the jax-js rival: loss, gradients, clipping and AdamW, with the hyperparameters of exercise.ts.
// The library allots the memory of all work that has not started, and only a wait starts it. So the step in one jit, or one gradient
// of the whole loss, asks for more than the 4 GiB that WebAssembly can address; the parts are differentiated one by one instead, with
// a wait after each. With a large vocabulary the logits come in blocks of rows, and what a part keeps for its gradient is computed
// again on the way back.
import { blockUntilReady, jit, numpy as np, vjp } from '@jax-js/jax';
import type { ModelConfig } from 'hippo';
import type { OptimizerSettings } from './exercise.ts';
import { makeParts, type Parameters, type Part, type Sizes } from './h3-jax.ts';
import type { Tensor } from './h3-jax-sequences.ts';

/** One part of the model with the names of its parameters: inside the part, and in the model. */
interface Stage {
  readonly part: Part;
  readonly names: ReadonlyMap<string, string>;
}

const table = 'backbone.embeddings.word_embeddings.weight';
const headNames = new Map([
  ['ln_f.weight', 'backbone.ln_f.weight'],
  ['ln_f.bias', 'backbone.ln_f.bias'],
  ['table', table],
]);

/** Logits that are held at once, 100 MB of them. */
const logitsAtOnce = 2 ** 25 * 0.8;

function stagesOf(config: ModelConfig, names: readonly string[], parts: ReturnType<typeof makeParts>): Stage[] {
  const below = (prefix: string, firsts: readonly string[]): Map<string, string> =>
    new Map(
      names
        .filter((name) => firsts.some((first) => name.startsWith(`${prefix}.${first}.`)))
        .map((name) => [name.slice(prefix.length + 1), name]),
    );
  return Array.from({ length: config.n_layer }, (_, layer) => {
    const prefix = `backbone.layers.${layer}`;
    const mixer = config.attn_layer_idx.includes(layer) ? parts.attention : parts.h3;
    return [
      { part: mixer, names: below(prefix, ['norm1', 'mixer']) },
      { part: parts.mlp, names: below(prefix, ['norm2', 'mlp']) },
    ];
  }).flat();
}

/** The parameters of one step and the sums of their gradients. */
function makeLedger(parameters: Parameters) {
  const gradients: Parameters = {};
  const given = (name: string): Tensor => {
    const found = parameters[name];
    if (!found) throw new Error(`h3-jax: there is no parameter ${name}.`);
    return found.ref;
  };
  const collect = (name: string, gradient: Tensor): void => {
    const sum = gradients[name];
    gradients[name] = sum ? sum.add(gradient) : gradient;
  };
  return {
    gradients,
    given,
    collect,
    own: (names: Stage['names']): Parameters =>
      Object.fromEntries([...names].map(([inside, name]) => [inside, given(name)])),
    collectOwn(names: Stage['names'], own: Parameters): void {
      for (const [inside, gradient] of Object.entries(own)) collect(names.get(inside) ?? inside, gradient);
    },
  };
}

type Ledger = ReturnType<typeof makeLedger>;

/** The mean loss of all rows of x and its gradient with respect to x, `rows` at a time. */
async function headGradient(
  head: ReturnType<typeof makeParts>['head'],
  ledger: Ledger,
  { x, targets, rows }: { readonly x: Tensor; readonly targets: Tensor; readonly rows: number },
) {
  const [total = 0] = x.shape;
  const blocks = total / rows;
  const toX: Tensor[] = [];
  let loss = np.array(0);
  for (let block = 0; block < blocks; block++) {
    const range: [number, number] = [block * rows, (block + 1) * rows];
    const part: Part = (some, own) => head(some, own, targets.ref.slice(range));
    const [mean, pull] = vjp(part, [x.ref.slice(range), ledger.own(headNames)]);
    const [toSome, toOwn] = await blockUntilReady(pull(np.array(1 / blocks)));
    pull.dispose();
    loss = await blockUntilReady(loss.add(mean.mul(1 / blocks)));
    toX.push(toSome);
    ledger.collectOwn(headNames, toOwn);
    await blockUntilReady(ledger.gradients);
  }
  x.dispose();
  return { loss, toX: np.concatenate(toX, 0) };
}

function makeGradient(config: ModelConfig, sizes: Sizes) {
  const parts = makeParts(sizes);
  return async (parameters: Parameters, inputs: Tensor, targets: Tensor) => {
    const ledger = makeLedger(parameters);
    const [columns = 1] = parameters[table]?.shape ?? [];
    const [total = 1] = inputs.shape;
    const rows = Math.min(total, 2 ** Math.floor(Math.log2(logitsAtOnce / columns)));
    const recompute = rows < total;
    const [embedded, pullEmbedding] = vjp((all: Tensor) => np.take(all, inputs.ref, 0), [ledger.given(table)]);
    let x: Tensor = await blockUntilReady(embedded);
    const stages = stagesOf(config, Object.keys(parameters), parts).map((stage) => ({
      stage,
      pull: () => vjp(stage.part, [x, ledger.own(stage.names)])[1],
    }));
    for (const entry of stages) {
      const { part, names } = entry.stage;
      const before = x;
      if (recompute) {
        x = await blockUntilReady(part(before.ref, ledger.own(names)));
        entry.pull = () => vjp(part, [before, ledger.own(names)])[1];
      } else {
        const [y, pull] = vjp(part, [before, ledger.own(names)]);
        x = await blockUntilReady(y);
        entry.pull = () => pull;
      }
    }
    let { loss, toX } = await headGradient(parts.head, ledger, { x, targets, rows });
    for (const { stage, pull: makePull } of stages.reverse()) {
      const pull = makePull();
      const [toBefore, toOwn] = await blockUntilReady(pull(toX));
      pull.dispose();
      toX = toBefore;
      ledger.collectOwn(stage.names, toOwn);
    }
    ledger.collect(table, pullEmbedding(toX)[0]);
    pullEmbedding.dispose();
    return { loss, gradients: ledger.gradients };
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
