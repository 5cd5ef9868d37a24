// H3 as unnormalised linear attention, its initial values, its optimiser groups, and what it refuses.
import { describe, expect, it } from 'vitest';
import { tensor } from '../../tensor/host-tensor.ts';
import { elementCount } from '../../tensor/shape.ts';
import {
  backends,
  evaluate,
  inputOf,
  openStore,
  outputOf,
  randomTensor,
  relativeError,
  tolerances,
} from '../layer.test-support.ts';
import { rootScope } from '../scope.ts';
import { h3 } from './h3.ts';

const [width, headDim, batch, length] = [6, 3, 2, 37];

/** What turns H3 into Σ_{s≤t} q_t·(k_s v_sᵀ): the identity as shift, one pole at 1 with c = ½, no skip, identity projections. */
const linearAttention: Readonly<Record<string, (i: number) => number>> = {
  'q_proj.weight': (i) => (i % (width + 1) === 0 ? 1 : 0),
  'k_proj.weight': (i) => (i % (width + 1) === 0 ? 1 : 0),
  'v_proj.weight': (i) => (i % (width + 1) === 0 ? 1 : 0),
  'output_linear.weight': (i) => (i % (width + 1) === 0 ? 1 : 0),
  'ssm_k_kernel.kernel.B': (i) => (i % 2 === 0 ? 1 : 0),
  'ssm_k_kernel.kernel.C': (i) => (i % 2 === 0 ? 1 : 0),
  'kernel.kernel.C': (i) => (i % 2 === 0 ? 0.5 : 0),
  'kernel.kernel.B': (i) => (i % 2 === 0 ? 1 : 0),
  // A = −e^(−100): zero in f32, so that the pole is e^0.
  'kernel.kernel.inv_A_real': () => -100,
};

describe.each(backends)('h3 on %s', (backend) => {
  it('with a pole at 1 and an identity shift is causal linear attention', async () => {
    const scope = rootScope();
    const layer = h3(scope, { width, stateSize: 2, headDim });
    const store = await openStore(backend, scope.variables);
    for (const variable of scope.variables) {
      const value = linearAttention[variable.name] ?? (() => 0);
      store.write(
        variable,
        tensor(
          Array.from({ length: elementCount(variable.shape) }, (_, i) => value(i)),
          variable.shape,
        ),
      );
    }
    const x = randomTensor([batch, length, width], 'x');
    const outputs = await evaluate(store, { x }, (values) => ({ y: layer.apply(inputOf(values, 'x')).y }));
    const at = (b: number, t: number, channel: number): number =>
      x.data[(b * length + t) * width + channel] ?? Number.NaN;
    const expected: number[] = [];
    for (let b = 0; b < batch; b++) {
      for (let t = 0; t < length; t++) {
        for (let channel = 0; channel < width; channel++) {
          const from = channel - (channel % headDim);
          let total = 0;
          for (let s = 0; s <= t; s++)
            for (let i = from; i < from + headDim; i++) total += at(b, t, i) * at(b, s, i) * at(b, s, channel);
          expected.push(total);
        }
      }
    }
    expect(relativeError(outputOf(outputs, 'y').data, expected)).toBeLessThan(tolerances.equivalence);
  });

  it('starts as the official layer does', async () => {
    const scope = rootScope();
    h3(scope, { width: 64 });
    const store = await openStore(backend, scope.variables);
    const data = async (name: string): Promise<number[]> => {
      const variable = scope.variables.find((one) => one.name === name);
      if (!variable) throw new Error(`test: no variable ${name}`);
      return [...(await store.read(variable)).data];
    };
    const variance = (x: readonly number[]): number => x.reduce((sum, value) => sum + value * value, 0) / x.length;
    expect(variance(await data('q_proj.weight'))).toBeCloseTo(0.0004, 4);
    expect(variance(await data('output_linear.weight'))).toBeCloseTo(0.0004, 4);
    expect(await data('k_proj.bias')).toEqual(new Array(64).fill(0));
    expect(variance(await data('kernel.kernel.C'))).toBeCloseTo(0.5, 1);
    expect((await data('kernel.kernel.B')).slice(0, 4)).toEqual([1, 0, 1, 0]);
    expect((await data('ssm_k_kernel.kernel.B')).slice(62, 67)).toEqual([0, 0, 1, 0, 0]);
    const taps = await data('ssm_k_kernel.kernel.C');
    expect(Math.max(...taps.map(Math.abs))).toBeLessThanOrEqual(0.125);
    expect(variance(taps)).toBeCloseTo(0.125 ** 2 / 3, 3);
    const imaginary = await data('kernel.kernel.A_imag');
    expect(imaginary[33]).toBeCloseTo(Math.PI, 5);
    expect(variance(await data('D'))).toBeGreaterThan(0.5);
    for (const step of await data('kernel.kernel.log_dt')) expect(step).toBeGreaterThan(Math.log(0.000999));
  });

  it('treats the parameters of its time scales apart (paper.md 1.4)', () => {
    const scope = rootScope();
    h3(scope, { width });
    const apart = scope.variables.filter(({ group }) => group !== undefined);
    expect(apart.map(({ name }) => name)).toEqual([
      'ssm_k_kernel.kernel.B',
      'kernel.kernel.log_dt',
      'kernel.kernel.B',
      'kernel.kernel.inv_A_real',
      'kernel.kernel.A_imag',
    ]);
    for (const { group } of apart) expect(group).toEqual({ decay: false, maxLearningRate: 1e-3 });
  });

  it.each([4, 0, -1, 12])('refuses head dimension %i at width 6', (dim) => {
    expect(() => h3(rootScope(), { width: 6, headDim: dim })).toThrow(
      /multiple of the head dimension; got width 6 and head dimension/,
    );
  });
});
