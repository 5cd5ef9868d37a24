// The hybrid H3 language model in @jax-js/jax 0.1.25 (WebAssembly backend), in jitted parts that h3-jax-step.ts strings together.
// Every function takes over the references it is given, as the library asks.
import { jit, nn, numpy as np } from '@jax-js/jax';
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

export interface Sizes {
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

export type Part = (x: Tensor, own: Parameters) => Tensor;

/**
 * x ↦ x + mixer(norm1 x), x ↦ x + mlp(norm2 x), both [B·L, width], and the loss of some rows: each jitted once and used by every
 * layer. `own` holds the part's parameters by the rest of their names.
 */
export function makeParts(sizes: Sizes) {
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
