import { describe, it } from 'vitest';
import { builds, expectClose, noise, probe } from './causal-fir-probe.test-support.ts';
import { shiftTapsCalls } from './shift-taps.ts';

describe.each(builds)('shiftTaps, %s build', async (build) => {
  const run = await probe(build);

  it.each([1, 2, 3, 4, 5, 31, 32, 33, 64, 100])('is the definition with %i taps', (taps) => {
    const channels = 5;
    const [a, b] = [noise(channels * taps, 1), noise(channels * taps, 2)];
    const want = new Float64Array(channels * taps);
    for (let d = 0; d < channels; d++)
      for (let l = 0; l < taps; l++)
        for (let j = 0; j < taps - l; j++) want[d * taps + l]! += a[d * taps + j]! * b[d * taps + j + l]!;
    const [out] = run(shiftTapsCalls({ channels, taps }), [a, b], [want.length]);
    expectClose(out!, want, 1e-6 * Math.sqrt(taps), 'out');
  });
});
