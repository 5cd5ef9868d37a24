// The two state-space operators of H3 in @jax-js/jax, as its fastest primitives for these shapes allow: batched matrix products over
// chunks of the sequence. With T the chunk's length,
//   y = Toeplitz(K)·u inside a chunk,  x ← λᵀ x + Σ_s λ^(T−1−s) u_s over chunks,  y += 2 Re Σ_n c_n λ_n^(t+1) x_n,
// and the shift layer's short filter as a banded Toeplitz matrix over a chunk and the one before.
// Lost: its FFT and its depthwise convolution, see h3-jax.ts. Every function takes over the references it is given, as the library asks.
import { numpy as np } from '@jax-js/jax';

export type Tensor = np.Array;

export interface Complex {
  readonly re: Tensor;
  readonly im: Tensor;
}

const range = (count: number, at: (i: number) => number): Tensor =>
  np.array(Float32Array.from({ length: count }, (_, i) => at(i)));

/** M[h, s, t] = k[h, t + offset − s], zero outside the taps; k [H, taps] → [H, rows, columns]. */
function toeplitz(
  k: Tensor,
  sizes: { readonly rows: number; readonly columns: number; readonly offset: number },
): Tensor {
  const { rows, columns, offset } = sizes;
  const [channels = 0, taps = 0] = k.shape;
  // Rows of one flat periodic sequence whose period is one more than the row: each row starts one place earlier in the period.
  const period = taps + rows + columns;
  const periodic = np.tile(
    np.pad(k, [
      [0, 0],
      [0, period - taps],
    ]),
    [1, rows + 1],
  );
  const flat = periodic.slice([], [offset, offset + rows * (period - 1)]);
  return flat.reshape([channels, rows, period - 1]).slice([], [], [0, columns]);
}

/** Causal filter; u [H, B, L], taps [H, N] with N the chunk's length → [H, B, L]. */
export function shiftFilter(u: Tensor, taps: Tensor): Tensor {
  const [channels = 0, batch = 0, length = 0] = u.shape;
  const [, chunk = 0] = taps.shape;
  const chunks = length / chunk;
  const now = u.reshape([channels, batch, chunks, chunk]);
  const before = np
    .pad(now.ref, [
      [0, 0],
      [0, 0],
      [1, 0],
      [0, 0],
    ])
    .slice([], [], [0, chunks]);
  const windows = np.concatenate([before, now], 3).reshape([channels, batch * chunks, 2 * chunk]);
  const y = np.matmul(windows, toeplitz(taps, { rows: 2 * chunk, columns: chunk, offset: chunk }));
  return y.reshape([channels, batch, length]);
}

/** taps[l] = Σ_j b[j]·c[j + l]; both [H, N]. */
export function shiftTaps(b: Tensor, c: Tensor): Tensor {
  const [channels = 0, size = 0] = b.shape;
  // The matrix M[j, l] = c[j + l] is the Toeplitz matrix of c for b read backwards.
  const backwards = np.flip(b, 1).reshape([channels, 1, size]);
  const matrix = toeplitz(c, { rows: size, columns: size, offset: size - 1 });
  return np.matmul(backwards, matrix).reshape([channels, size]);
}

/** λ^e for exponents e, [H, N] → [H, N, count]. */
function powers(logPole: Complex, exponents: Tensor): Complex {
  const [channels = 0, states = 0] = logPole.re.shape;
  const [count = 0] = exponents.shape;
  const by = exponents.reshape([1, 1, count]);
  const magnitude = np.exp(logPole.re.reshape([channels, states, 1]).mul(by.ref));
  const angle = logPole.im.reshape([channels, states, 1]).mul(by);
  return { re: magnitude.ref.mul(np.cos(angle.ref)), im: magnitude.mul(np.sin(angle)) };
}

const shared = ({ re, im }: Complex): Complex => ({ re: re.ref, im: im.ref });

export function multiply(a: Complex, b: Complex): Complex {
  return {
    re: a.re.ref.mul(b.re.ref).sub(a.im.ref.mul(b.im.ref)),
    im: a.re.mul(b.im).add(a.im.mul(b.re)),
  };
}

/** The diagonal SSM without its skip term; u [H, B, L], logPole and c [H, N] → [H, B, L]. */
export function diagonalSsm(u: Tensor, logPole: Complex, c: Complex, chunk = 64): Tensor {
  const [channels = 0, batch = 0, length = 0] = u.shape;
  const [, states = 0] = c.re.shape;
  const chunks = length / chunk;
  const rows = u.reshape([channels, batch * chunks, chunk]);
  const column = ({ re, im }: Complex): Complex => ({
    re: re.reshape([channels, states, 1]),
    im: im.reshape([channels, states, 1]),
  });
  // 2·c·λ^t for t = 0 … T: the kernel is its real part's sum, the rows from t = 1 read the state out.
  const read = multiply(
    powers(
      shared(logPole),
      range(chunk + 1, (t) => t),
    ),
    column({ re: c.re.mul(2), im: c.im.mul(2) }),
  );
  const kernel = read.re.ref.slice([], [], [0, chunk]).sum(1);
  const inside = np.matmul(rows.ref, toeplitz(kernel, { rows: chunk, columns: chunk, offset: 0 }));
  const collect = powers(
    shared(logPole),
    range(chunk, (s) => chunk - 1 - s),
  );
  const collected = np.matmul(rows, np.concatenate([collect.re, collect.im], 1).transpose([0, 2, 1]));
  const before = statesBefore(
    collected.reshape([channels, batch, chunks, 2 * states]),
    powers(
      logPole,
      range(1, () => chunk),
    ),
  );
  const readout = np.concatenate([read.re.slice([], [], [1]), read.im.mul(-1).slice([], [], [1])], 1);
  return inside.add(np.matmul(before, readout)).reshape([channels, batch, length]);
}

/** From what each chunk adds, [H, B, C, 2N], the state before each chunk, [H, B·C, 2N]; pole [H, N, 1] of one chunk. */
function statesBefore(added: Tensor, pole: Complex): Tensor {
  const [channels = 0, batch = 0, chunks = 0, size = 0] = added.shape;
  const states = size / 2;
  const step = { re: pole.re.reshape([channels, 1, states]), im: pole.im.reshape([channels, 1, states]) };
  let state: Complex = { re: np.zeros([channels, batch, states]), im: np.zeros([channels, batch, states]) };
  const all: Tensor[] = [];
  for (let chunk = 0; chunk < chunks; chunk++) {
    all.push(np.concatenate([state.re.ref, state.im.ref], 2));
    const moved = multiply(state, shared(step));
    state = {
      re: moved.re.add(added.ref.slice([], [], chunk, [0, states])),
      im: moved.im.add(added.ref.slice([], [], chunk, [states, size])),
    };
  }
  for (const value of [state.re, state.im, step.re, step.im, added]) value.dispose();
  return np.stack(all, 2).reshape([channels, batch * chunks, size]);
}
