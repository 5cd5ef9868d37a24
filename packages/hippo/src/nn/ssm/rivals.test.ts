// S4D and GSS against their definitions in plain float64 (baselines.md): kernels, gates, initial values, and which parameters the
// optimiser treats apart. No official tensors exist for them, so the formulas are written out here a second time.
import { describe, expect, it } from 'vitest';
import type { Variable } from '../../graph/variable.ts';
import type { Store } from '../../session/store.ts';
import type { HostTensor } from '../../tensor/host-tensor.ts';
import { erf } from '../../tensor/special.ts';
import {
  backends,
  evaluate,
  inputOf,
  openStore,
  outputOf,
  perturb,
  randomTensor,
  relativeError,
  tolerances,
} from '../layer.test-support.ts';
import type { Mixer } from '../mixer.ts';
import { rootScope, type Scope } from '../scope.ts';
import { gss } from './gss.ts';
import { type S4dOptions, s4d } from './s4d.ts';

type Lookup = (name: string, index: number) => number;
type Matrix = readonly (readonly number[])[];
const [width, length] = [8, 23];
const geluExact = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const total = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0);

/** 2 Re or Re of Σ_n C_n (e^{Δ A_n} − 1)/A_n e^{lΔA_n}, for l = 0 … length − 1. */
function kernel(
  poles: readonly { a: readonly [number, number]; c: readonly [number, number]; step: number }[],
  factor: number,
): number[] {
  return range(length).map((l) =>
    total(
      poles.map(({ a: [p, q], c: [x, y], step }) => {
        const [u, v] = [Math.exp(p * step) * Math.cos(q * step) - 1, Math.exp(p * step) * Math.sin(q * step)];
        const d = p * p + q * q;
        const [m, n] = [(u * p + v * q) / d, (v * p - u * q) / d];
        const [re, im] = [x * m - y * n, x * n + y * m];
        const radius = Math.exp(l * step * p);
        return factor * radius * (re * Math.cos(l * step * q) - im * Math.sin(l * step * q));
      }),
    ),
  );
}

/** Σ_j k_j u_{t−j} + skip·u_t for one channel. */
function convolve(k: readonly number[], u: readonly number[], skip: number): number[] {
  return u.map((_, t) => total(range(t + 1).map((j) => (k[j] ?? 0) * (u[t - j] ?? 0))) + skip * (u[t] ?? 0));
}

const linearOf =
  (get: Lookup, name: string, sizes: { inputs: number; outputs: number; bias: boolean }) =>
  (row: readonly number[]): number[] =>
    range(sizes.outputs).map(
      (o) =>
        total(row.map((x, i) => x * get(`${name}.weight`, o * sizes.inputs + i))) +
        (sizes.bias ? get(`${name}.bias`, o) : 0),
    );
const column = (rows: Matrix, channel: number): number[] => rows.map((row) => row[channel] ?? Number.NaN);

function rowsOf(x: HostTensor): Matrix {
  return range(length).map((t) => [...x.data.subarray(t * width, (t + 1) * width)]);
}

async function lookup(store: Store, variables: readonly Variable[]): Promise<Lookup> {
  const entries = await Promise.all(variables.map(async (v) => [v.name, (await store.read(v)).data] as const));
  const found = Object.fromEntries(entries);
  return (name, index) => found[name]?.[index] ?? Number.NaN;
}

function plainS4d(get: Lookup, x: Matrix, { stateSize, gated }: { stateSize: number; gated: boolean }): number[] {
  const states = stateSize / 2;
  const channels = range(width).map((h) => {
    const poles = range(states).map((n) => ({
      a: [-Math.exp(get('kernel.kernel.inv_A_real', n)), get('kernel.kernel.A_imag', n)] as const,
      c: [get('kernel.kernel.C', 2 * (h * states + n)), get('kernel.kernel.C', 2 * (h * states + n) + 1)] as const,
      step: Math.exp(get('kernel.kernel.log_dt', h)),
    }));
    return convolve(kernel(poles, 2), column(x, h), get('D', h)).map(geluExact);
  });
  const outputs = gated ? 2 * width : width;
  const project = linearOf(get, 'output_linear', { inputs: width, outputs, bias: true });
  return range(length).flatMap((t) => {
    const out = project(channels.map((channel) => channel[t] ?? Number.NaN));
    return gated ? range(width).map((i) => (out[i] ?? 0) / (1 + Math.exp(-(out[i + width] ?? 0)))) : out;
  });
}

function plainGss(get: Lookup, x: Matrix, states: number): number[] {
  const [inner, reduced] = [4 * width, width / 4];
  const v = x.map((row) => linearOf(get, 'v_proj', { inputs: width, outputs: inner, bias: false })(row).map(geluExact));
  const u = x.map((row) => {
    const values = linearOf(get, 'u_proj', { inputs: width, outputs: reduced, bias: false })(row).map(geluExact);
    const mean = total(values) / reduced;
    const variance = total(values.map((value) => (value - mean) ** 2)) / reduced;
    return values.map(
      (value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * get('norm.weight', i) + get('norm.bias', i),
    );
  });
  const y = range(reduced).map((h) => {
    const poles = range(states).map((n) => ({
      a: [-Math.exp(get('kernel.Lambda_re', n)), Math.exp(get('kernel.Lambda_im', n))] as const,
      c: [get('kernel.C', 2 * (h * states + n)), get('kernel.C', 2 * (h * states + n) + 1)] as const,
      step: 1,
    }));
    return convolve(kernel(poles, 1), column(u, h), get('kernel.D', h));
  });
  const expand = linearOf(get, 'y_proj', { inputs: reduced, outputs: inner, bias: false });
  const output = linearOf(get, 'output_linear', { inputs: inner, outputs: width, bias: true });
  return range(length).flatMap((t) => {
    const wide = expand(y.map((channel) => channel[t] ?? Number.NaN));
    return output(wide.map((value, i) => value * (v[t]?.[i] ?? Number.NaN)));
  });
}

async function declare<T>(make: (scope: Scope) => T, backend: (typeof backends)[number], seed = 0) {
  const scope = rootScope();
  const layer = make(scope);
  return { layer, variables: scope.variables, store: await openStore(backend, scope.variables, seed) };
}

async function outputs(store: Store, layer: Mixer, x: HostTensor): Promise<ArrayLike<number>> {
  return outputOf(await evaluate(store, { x }, (values) => ({ y: layer.apply(inputOf(values, 'x')).y })), 'y').data;
}

const data = async (store: Store, variables: readonly Variable[], name: string): Promise<number[]> => {
  const variable = variables.find((one) => one.name === name);
  if (!variable) throw new Error(`test: no variable ${name}`);
  return [...(await store.read(variable)).data];
};

describe.each(backends)('rivals on %s', (backend) => {
  it.each([false, true])('S4D is its formula, gated %s', async (gated) => {
    const { layer, variables, store } = await declare(
      (scope) => s4d(scope, { width, stateSize: 6, gated, deviation: 0.5 }),
      backend,
    );
    await perturb(store, variables);
    const x = randomTensor([1, length, width], 'x');
    const expected = plainS4d(await lookup(store, variables), rowsOf(x), { stateSize: 6, gated });
    expect(relativeError(await outputs(store, layer, x), expected)).toBeLessThan(tolerances.equivalence);
  });

  it('GSS is its formula', async () => {
    const { layer, variables, store } = await declare(
      (scope) => gss(scope, { width, states: 5, deviation: 0.5 }),
      backend,
    );
    await perturb(store, variables, 0.3);
    const x = randomTensor([1, length, width], 'x');
    const expected = plainGss(await lookup(store, variables), rowsOf(x), 5);
    expect(relativeError(await outputs(store, layer, x), expected)).toBeLessThan(tolerances.equivalence);
  });

  it('S4D starts as the text models do', async () => {
    const { variables, store } = await declare((scope) => s4d(scope, { width: 256 }), backend);
    expect(variables.map(({ name, shape }) => [name, shape])).toEqual([
      ['kernel.kernel.C', [1, 256, 32, 2]],
      ['kernel.kernel.log_dt', [256]],
      ['kernel.kernel.inv_A_real', [1, 32]],
      ['kernel.kernel.A_imag', [1, 32]],
      ['D', [256]],
      ['output_linear.weight', [256, 256]],
      ['output_linear.bias', [256]],
    ]);
    const imaginary = await data(store, variables, 'kernel.kernel.A_imag');
    for (const n of range(32)) expect(imaginary[n]).toBeCloseTo((64 / Math.PI) * (64 / (2 * n + 1) - 1), 2);
    for (const value of await data(store, variables, 'kernel.kernel.inv_A_real'))
      expect(value).toBeCloseTo(Math.log(0.5), 6);
    // With C of variance 1, Σ|B_n/A_n|²·2 = 1 says that 2·Σ|C_n·B_n/A_n|² is 1 on average over channels.
    const c = await data(store, variables, 'kernel.kernel.C');
    const perChannel = range(256).map(
      (h) =>
        2 *
        total(
          range(32).map(
            (n) =>
              ((c[2 * (h * 32 + n)] ?? 0) ** 2 + (c[2 * (h * 32 + n) + 1] ?? 0) ** 2) /
              (0.25 + (imaginary[n] ?? 0) ** 2),
          ),
        ),
    );
    expect(total(perChannel) / 256).toBeGreaterThan(0.8);
    expect(total(perChannel) / 256).toBeLessThan(1.2);
  });

  it('GSS starts with standard normal Λ and C, no step size', async () => {
    const { variables, store } = await declare((scope) => gss(scope, { width: 16 }), backend);
    expect(variables.map(({ name, shape }) => [name, shape])).toEqual([
      ['v_proj.weight', [64, 16]],
      ['u_proj.weight', [4, 16]],
      ['norm.weight', [4]],
      ['norm.bias', [4]],
      ['kernel.Lambda_re', [512]],
      ['kernel.Lambda_im', [512]],
      ['kernel.C', [4, 512, 2]],
      ['kernel.D', [4]],
      ['y_proj.weight', [64, 4]],
      ['output_linear.weight', [16, 64]],
      ['output_linear.bias', [16]],
    ]);
    for (const name of ['kernel.Lambda_re', 'kernel.Lambda_im', 'kernel.C']) {
      const values = await data(store, variables, name);
      expect(total(values.map((value) => value ** 2)) / values.length, name).toBeCloseTo(1, 0);
    }
  });

  it('time scales train without decay at a bounded rate, C and D as ordinary parameters', async () => {
    const apart = async (make: (scope: Scope) => Mixer) =>
      (await declare(make, backend)).variables.filter(({ group }) => group).map(({ name, group }) => [name, group]);
    const group = { decay: false, maxLearningRate: 1e-3 };
    expect(await apart((scope) => s4d(scope, { width }))).toEqual(
      ['kernel.kernel.log_dt', 'kernel.kernel.inv_A_real', 'kernel.kernel.A_imag'].map((name) => [name, group]),
    );
    expect(await apart((scope) => gss(scope, { width }))).toEqual(
      ['kernel.Lambda_re', 'kernel.Lambda_im'].map((name) => [name, group]),
    );
  });

  it.each<[string, (scope: Scope) => Mixer, RegExp]>([
    ['odd state', (scope) => s4d(scope, { width, stateSize: 5 } satisfies S4dOptions), /even and at least 2; got 5/],
    ['no state', (scope) => s4d(scope, { width, stateSize: 0 }), /even and at least 2; got 0/],
    ['width 6', (scope) => gss(scope, { width: 6 }), /multiple of 4.*got 6/],
  ])('refuses %s', (_, make, sentence) => {
    expect(() => make(rootScope())).toThrow(sentence);
  });
});
