// The diagonal state-space operator in plain float64: the recurrence, the convolution with its kernel, and the gradients of
// convolution.md section 2. The oracle of every backend's kernels.
import type { Numbers } from '../graph/value.ts';

export interface SsmNumbers {
  readonly u: Numbers;
  readonly logPoleRe: Numbers;
  readonly logPoleIm: Numbers;
  readonly cRe: Numbers;
  readonly cIm: Numbers;
  readonly skip: Numbers | undefined;
  readonly state: Numbers | undefined;
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  readonly states: number;
}

/** λ = exp(logPole) for one state of one channel. */
function pole({ logPoleRe, logPoleIm }: SsmNumbers, at: number): readonly [number, number] {
  const radius = Math.exp(logPoleRe[at] ?? 0);
  const angle = logPoleIm[at] ?? 0;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** x_t = λ x_{t−1} + u_t step by step. Returns [y, endState]. */
export function diagonalSsmScan(p: SsmNumbers): readonly [Float64Array, Float64Array] {
  const y = new Float64Array(p.u.length);
  const end = new Float64Array(p.channels * p.batch * 2 * p.states);
  for (let row = 0; row < p.channels * p.batch; row++) {
    const channel = Math.floor(row / p.batch);
    for (let t = 0; t < p.length; t++)
      y[row * p.length + t] = (p.skip?.[channel] ?? 0) * (p.u[row * p.length + t] ?? 0);
    for (let n = 0; n < p.states; n++) {
      const at = channel * p.states + n;
      const [a, b] = pole(p, at);
      const [cRe, cIm] = [p.cRe[at] ?? 0, p.cIm[at] ?? 0];
      let re = p.state?.[row * 2 * p.states + n] ?? 0;
      let im = p.state?.[(row * 2 + 1) * p.states + n] ?? 0;
      for (let t = 0; t < p.length; t++) {
        const next = a * re - b * im + (p.u[row * p.length + t] ?? 0);
        im = a * im + b * re;
        re = next;
        y[row * p.length + t]! += 2 * (cRe * re - cIm * im);
      }
      end[row * 2 * p.states + n] = re;
      end[(row * 2 + 1) * p.states + n] = im;
    }
  }
  return [y, end];
}

/** The kernel k_l = 2 Re Σ_n c_n λ_nˡ of one channel, each power from l·log λ. */
export function diagonalSsmKernel(p: SsmNumbers, channel: number): Float64Array {
  const kernel = new Float64Array(p.length);
  for (let n = 0; n < p.states; n++) {
    const at = channel * p.states + n;
    for (let l = 0; l < p.length; l++) {
      const radius = Math.exp(l * (p.logPoleRe[at] ?? 0));
      const angle = l * (p.logPoleIm[at] ?? 0);
      kernel[l]! += 2 * radius * ((p.cRe[at] ?? 0) * Math.cos(angle) - (p.cIm[at] ?? 0) * Math.sin(angle));
    }
  }
  return kernel;
}

/** The same results as the scan: direct convolution with the kernel, plus what the state at the start contributes. */
export function diagonalSsmConvolution(p: SsmNumbers): readonly [Float64Array, Float64Array] {
  const y = new Float64Array(p.u.length);
  const end = new Float64Array(p.channels * p.batch * 2 * p.states);
  for (let channel = 0; channel < p.channels; channel++) {
    const kernel = diagonalSsmKernel(p, channel);
    for (let b = 0; b < p.batch; b++) {
      const row = channel * p.batch + b;
      const u = p.u.subarray(row * p.length, (row + 1) * p.length);
      for (let t = 0; t < p.length; t++) {
        let total = (p.skip?.[channel] ?? 0) * (u[t] ?? 0);
        for (let j = 0; j <= t; j++) total += (kernel[j] ?? 0) * (u[t - j] ?? 0);
        y[row * p.length + t] = total;
      }
      addStates(p, channel, row, u, y, end);
    }
  }
  return [y, end];
}

/** Adds 2 Re Σ c λ^{t+1} x₀ to y and writes λ^L x₀ + Σ λ^{L−1−l} u_l to end, for one row. */
function addStates(p: SsmNumbers, channel: number, row: number, u: Numbers, y: Float64Array, end: Float64Array): void {
  for (let n = 0; n < p.states; n++) {
    const at = channel * p.states + n;
    const power = (l: number): readonly [number, number] => {
      const radius = Math.exp(l * (p.logPoleRe[at] ?? 0));
      return [radius * Math.cos(l * (p.logPoleIm[at] ?? 0)), radius * Math.sin(l * (p.logPoleIm[at] ?? 0))];
    };
    const x = [p.state?.[row * 2 * p.states + n] ?? 0, p.state?.[(row * 2 + 1) * p.states + n] ?? 0] as const;
    const carried = (l: number): readonly [number, number] => {
      const [a, b] = power(l);
      return [a * x[0] - b * x[1], a * x[1] + b * x[0]];
    };
    if (p.state) {
      for (let t = 0; t < p.length; t++) {
        const [re, im] = carried(t + 1);
        y[row * p.length + t]! += 2 * ((p.cRe[at] ?? 0) * re - (p.cIm[at] ?? 0) * im);
      }
    }
    let [re, im] = carried(p.length);
    for (let l = 0; l < p.length; l++) {
      const [a, b] = power(p.length - 1 - l);
      re += a * (u[l] ?? 0);
      im += b * (u[l] ?? 0);
    }
    end[row * 2 * p.states + n] = re;
    end[(row * 2 + 1) * p.states + n] = im;
  }
}

/**
 * g_t = 2 c̄ dy_t + λ̄ g_{t+1}; du_t = Re Σ g + skip·dy; dc = Σ 2 dy x̄_t; dλ = Σ g x̄_{t−1}; d log λ = dλ·λ̄.
 * The gradient of a complex number is ∂/∂Re + i ∂/∂Im.
 */
export function diagonalSsmGradientScan(p: SsmNumbers, dy: Numbers, dEnd: Numbers | undefined) {
  const du = new Float64Array(p.u.length);
  const [dPoleRe, dPoleIm, dCRe, dCIm] = [0, 1, 2, 3].map(() => new Float64Array(p.channels * p.states)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const skip = new Float64Array(p.channels);
  const state = new Float64Array(p.channels * p.batch * 2 * p.states);
  const [xRe, xIm] = [new Float64Array(p.length + 1), new Float64Array(p.length + 1)];
  for (let row = 0; row < p.channels * p.batch; row++) {
    const channel = Math.floor(row / p.batch);
    for (let t = row * p.length; t < (row + 1) * p.length; t++) {
      du[t] = (p.skip?.[channel] ?? 0) * (dy[t] ?? 0);
      skip[channel]! += (dy[t] ?? 0) * (p.u[t] ?? 0);
    }
    for (let n = 0; n < p.states; n++) {
      const at = channel * p.states + n;
      const [a, b] = pole(p, at);
      const [reAt, imAt] = [row * 2 * p.states + n, (row * 2 + 1) * p.states + n];
      xRe[0] = p.state?.[reAt] ?? 0;
      xIm[0] = p.state?.[imAt] ?? 0;
      for (let t = 0; t < p.length; t++) {
        xRe[t + 1] = a * xRe[t]! - b * xIm[t]! + (p.u[row * p.length + t] ?? 0);
        xIm[t + 1] = a * xIm[t]! + b * xRe[t]!;
      }
      let gRe = dEnd?.[reAt] ?? 0;
      let gIm = dEnd?.[imAt] ?? 0;
      let [poleRe, poleIm] = [0, 0];
      for (let t = p.length - 1; t >= 0; t--) {
        const g = dy[row * p.length + t] ?? 0;
        gRe += 2 * (p.cRe[at] ?? 0) * g;
        gIm -= 2 * (p.cIm[at] ?? 0) * g;
        dCRe[at]! += 2 * g * xRe[t + 1]!;
        dCIm[at]! -= 2 * g * xIm[t + 1]!;
        du[row * p.length + t]! += gRe;
        poleRe += gRe * xRe[t]! + gIm * xIm[t]!;
        poleIm += gIm * xRe[t]! - gRe * xIm[t]!;
        [gRe, gIm] = [a * gRe + b * gIm, a * gIm - b * gRe];
      }
      dPoleRe[at]! += poleRe * a + poleIm * b;
      dPoleIm[at]! += poleIm * a - poleRe * b;
      state[reAt] = gRe;
      state[imAt] = gIm;
    }
  }
  return { parameters: [du, dPoleRe, dPoleIm, dCRe, dCIm], skip, state };
}
