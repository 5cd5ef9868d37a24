import { describe, expect, it } from 'vitest';
import { adamWCalls } from './adam-w.ts';
import { callProbe, expectNear } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import { sumSquaresCalls } from './sum-squares.ts';

const counts = [1, 3, 4, 4097, 10_000];
const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];
const segments = counts.map((count, i) => ({
  count,
  decay: i % 2 ? 0.1 : 0,
  cap: i === 3 ? 0.002 : Number.POSITIVE_INFINITY,
}));
const [scale, rate, correction1, correction2] = [0.5, 0.01, 1.7, 4.5];
const tensors = counts.map((count, i) =>
  [0, 1, 2, 3].map((k) => noise(count, 10 * i + k).map((value) => (k === 2 ? Math.abs(value) : value))),
);
const scalarInputs = (healthy: number) =>
  [healthy, scale, rate, correction1, correction2].map((value) => Float32Array.of(value));
const inputs = (healthy: number) => [...scalarInputs(healthy), ...tensors.flat()];
const apart = counts.flatMap((count) => [count, count, count]);
const inPlace = counts.flatMap((_, i) => [0, 1, 2].map((k) => ({ inPlace: 5 + 4 * i + k })));

describe.each(builds)('adamW, %s build', async (build) => {
  const run = await callProbe(build);
  const calls = adamWCalls({ beta1, beta2, epsilon, segments });

  it('updates every segment by its own decay and cap', () => {
    const results = run(calls, inputs(1), apart);
    segments.forEach(({ decay, cap }, i) => {
      const [p, m, v, g] = tensors[i]!.map((data) => Float64Array.from(data)) as [
        Float64Array,
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      const first = m.map((old, j) => old * beta1 + g[j]! * scale * (1 - beta1));
      const second = v.map((old, j) => old * beta2 + (g[j]! * scale) ** 2 * (1 - beta2));
      const content = p.map((old, j) => {
        const direction = (first[j]! * correction1) / (Math.sqrt(second[j]! * correction2) + epsilon);
        return old - Math.min(rate, cap) * (direction + decay * old);
      });
      [content, first, second].forEach((want, k) => {
        expectNear(results[3 * i + k]!, want, { tolerance: 1e-6, floor: 0.1 });
      });
    });
    expect(run(calls, inputs(1), inPlace)).toEqual(results);
  });

  it('keeps everything where a gradient was not finite', () => {
    const old = tensors.flatMap((list) => list.slice(0, 3));
    expect(run(calls, inputs(0), apart)).toEqual(old);
    expect(run(calls, inputs(0), inPlace)).toEqual(old);
  });

  it('adds up the squares of many tensors', () => {
    const given = tensors.flat();
    const total = given.reduce((sum, data) => sum + data.reduce((part, x) => part + x * x, 0), 0);
    const [got] = run(sumSquaresCalls(given.map(({ length }) => length)), given, [1]);
    expectNear(got!, [total], { tolerance: 2e-7 });
    const [bad] = run(sumSquaresCalls([5, 2]), [noise(5, 1), Float32Array.of(Number.NaN, 1)], [1]);
    expect([...bad!]).toEqual([Number.NaN]);
  });
});
