// Both discretisations against complex arithmetic in float64, for steps from 1e-7 to 30 times the pole: what f32 must not lose.
import { describe, expect, it } from 'vitest';
import { constant, full } from '../../ops/index.ts';
import { tensor } from '../../tensor/host-tensor.ts';
import { backends, evaluate, inputOf, openStore, outputOf } from '../layer.test-support.ts';
import { complexExpm1, type Discretisation, discretisations, discretise } from './discretise.ts';

type Pair = readonly [number, number];
const times = ([a, b]: Pair, [c, d]: Pair): Pair => [a * c - b * d, a * d + b * c];
const over = (n: Pair, [c, d]: Pair): Pair => times(n, [c / (c * c + d * d), -d / (c * c + d * d)]);
const logarithm = ([a, b]: Pair): Pair => [0.5 * Math.log(a * a + b * b), Math.atan2(b, a)];
const size = ([a, b]: Pair): number => Math.hypot(a, b);

/** e^z − 1 by its series for small z, directly else. */
function expMinusOne(z: Pair): Pair {
  if (size(z) > 0.5) return [Math.exp(z[0]) * Math.cos(z[1]) - 1, Math.exp(z[0]) * Math.sin(z[1])];
  let [term, sum]: [Pair, Pair] = [z, z];
  for (let n = 2; n < 20; n++) {
    term = times(term, [z[0] / n, z[1] / n]);
    sum = [sum[0] + term[0], sum[1] + term[1]];
  }
  return sum;
}

/** log(1 + w) by its series for small w, directly else. */
function logOnePlus(w: Pair): Pair {
  if (size(w) > 0.01) return logarithm([1 + w[0], w[1]]);
  let [power, sum]: [Pair, Pair] = [w, w];
  for (let n = 2; n < 12; n++) {
    power = times(power, [-w[0], -w[1]]);
    sum = [sum[0] + power[0] / n, sum[1] + power[1] / n];
  }
  return sum;
}

function expected(rule: Discretisation, { a, step, bc }: { a: Pair; step: number; bc: Pair }): { log: Pair; c: Pair } {
  const z: Pair = [a[0] * step, a[1] * step];
  if (rule === 'zoh') return { log: z, c: times(bc, over(expMinusOne(z), a)) };
  const below: Pair = [1 - z[0] / 2, -z[1] / 2];
  // λ = 1 + z/(1 − z/2)
  return { log: logOnePlus(over(z, below)), c: times(bc, over([step, 0], below)) };
}

const poles: readonly Pair[] = [
  [-0.5, 0],
  [-0.5, 3.1],
  [-0.5, 97],
  [-2, -40],
  [-1e-4, 1],
];
const steps = [1e-7, 1e-4, 1e-3, 0.03, 0.1, 0.7];
const bc: Pair = [0.6, -1.3];

describe.each(backends)('discretisation on %s', (backend) => {
  it.each(discretisations)('%s', async (rule) => {
    const store = await openStore(backend, []);
    // The numbers as f32 holds them, so that rounding of the inputs is not counted.
    const cases = steps.flatMap((step) =>
      poles.map((a) => ({
        step: Math.fround(step),
        a: a.map(Math.fround) as unknown as Pair,
        bc: bc.map(Math.fround) as unknown as Pair,
      })),
    );
    const column = (pick: (one: (typeof cases)[number]) => number) => tensor(cases.map(pick), [cases.length, 1]);
    const inputs = { step: column(({ step }) => step), re: column(({ a }) => a[0]), im: column(({ a }) => a[1]) };
    const outputs = await evaluate(store, inputs, (values) => {
      const shape = [cases.length, 1];
      const { logPoleRe, logPoleIm, cRe, cIm } = discretise(rule, {
        a: { re: inputOf(values, 're'), im: inputOf(values, 'im') },
        bc: { re: full(shape, bc[0]), im: full(shape, bc[1]) },
        step: inputOf(values, 'step'),
      });
      return { logPoleRe, logPoleIm, cRe, cIm };
    });
    const at = (name: string, i: number): number => outputOf(outputs, name).data[i] ?? Number.NaN;
    cases.forEach((one, i) => {
      const { log, c } = expected(rule, one);
      const name = `A = ${one.a.join(' + i ')}, Δ = ${one.step}`;
      // Each part of log λ keeps its own relative precision: it is multiplied by the index along the sequence.
      expect(Math.abs(at('logPoleRe', i) - log[0]), name).toBeLessThan(1e-6 * Math.abs(log[0]));
      expect(Math.abs(at('logPoleIm', i) - log[1]), name).toBeLessThanOrEqual(1e-6 * Math.abs(log[1]));
      // f32 rounds the angle ΔA itself, by 6e-8 of its size.
      const bound = 1e-6 + 1e-7 * size(one.a) * one.step;
      expect(size([at('cRe', i) - c[0], at('cIm', i) - c[1]]), name).toBeLessThan(bound * size(c));
    });
  });

  it('e^z − 1 keeps its digits near zero and far out', async () => {
    const store = await openStore(backend, []);
    const points: readonly Pair[] = [
      [-1e-7, 1e-7],
      [-1e-3, 0],
      [-0.01, 3],
      [-0.3, -2],
      [-30, 1],
      [0, 1e-5],
    ];
    const part = (index: 0 | 1) =>
      constant(
        points.map((z) => z[index]),
        [points.length],
      );
    const outputs = await evaluate(store, {}, () => ({ ...complexExpm1(part(0), part(1)) }));
    points.forEach((z, i) => {
      const [re, im] = expMinusOne(z);
      const error = size([(outputs.re?.data[i] ?? Number.NaN) - re, (outputs.im?.data[i] ?? Number.NaN) - im]);
      expect(error, z.join(' + i ')).toBeLessThan(1e-6 * size([re, im]));
    });
  });
});
