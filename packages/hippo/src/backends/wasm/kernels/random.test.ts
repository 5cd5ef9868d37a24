import { describe, expect, it } from 'vitest';
import { normals, uniforms } from '../../../tensor/philox.ts';
import { callProbe, expectNear } from './call-probe.test-support.ts';
import { builds } from './causal-fir-probe.test-support.ts';
import { randomNormalCalls, randomUniformCalls } from './random.ts';

const draws = [
  { key: [0, 0], stream: 0, counter: 0 },
  { key: [0xffffffff, 0x12345678], stream: 0xfedcba98, counter: -3 },
  { key: [7, 0x80000000], stream: 1, counter: 2_000_000_000 },
] as const;

describe.each(builds)('random numbers, %s build', async (build) => {
  const run = await callProbe(build);

  describe.each(draws)('of %o', ({ key, stream, counter }) => {
    const inputs = [Uint32Array.from(key), Int32Array.of(counter)];

    it.each([1, 2, 3, 4, 5, 15, 16, 17, 31, 1003])('%i are those of the host', (count) => {
      const [uniform] = run(randomUniformCalls({ count, stream }), inputs, [count]);
      expect(uniform).toEqual(uniforms(count, { key, stream, counter }));
      const [normal] = run(randomNormalCalls({ count, stream }), inputs, [count]);
      expectNear(normal!, normals(count, { key, stream, counter }), { tolerance: 1e-7, floor: 1e-6 });
    });
  });

  it('have the moments of a normal distribution and its tails', () => {
    const count = 400_000;
    const [x] = run(randomNormalCalls({ count, stream: 5 }), [Uint32Array.of(1, 2), Int32Array.of(3)], [count]);
    const moment = (power: number): number => x!.reduce((sum, value) => sum + value ** power, 0) / count;
    expect(Math.abs(moment(1))).toBeLessThan(0.008);
    expect(moment(2)).toBeCloseTo(1, 1.7);
    expect(moment(4)).toBeCloseTo(3, 1);
    expect(x!.reduce((sum, value) => sum + Number(value > 3), 0) / count).toBeCloseTo(0.00135, 3);
  });
});
