import { describe, expect, it } from 'vitest';
import { callProbe } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import { gatherRowsCalls, scatterAddRowsCalls } from './embedding.ts';

const sizes = [
  [1, 1, 1],
  [5, 3, 7],
  [11, 16, 40],
  [3, 33, 100],
  [97, 130, 64],
] as const;
const idsOf = (count: number, rows: number): Int32Array =>
  Int32Array.from(noise(count, 9), (value) => Math.floor(((value + 1) / 2) * rows));

describe.each(builds)('embedding, %s build', async (build) => {
  const run = await callProbe(build);

  it.each(sizes)('looks up rows of [%i, %i] for %i ids', (rows, width, count) => {
    const [table, ids] = [noise(rows * width, 1), idsOf(count, rows)];
    const want = Float32Array.from(
      { length: count * width },
      (_, i) => table[ids[Math.floor(i / width)]! * width + (i % width)]!,
    );
    expect(run(gatherRowsCalls({ rows, width, count }), [table, ids], [count * width])[0]).toEqual(want);
  });

  it.each(sizes)('adds rows of [%i, %i] for %i ids in order of position', (rows, width, count) => {
    const [ids, values] = [idsOf(count, rows), noise(count * width, 2)];
    const want = new Float32Array(rows * width);
    ids.forEach((id, i) => {
      for (let c = 0; c < width; c++) want[id * width + c]! += values[i * width + c]!; // rounds after each addition, like the kernel
    });
    const calls = scatterAddRowsCalls({ rows, width, count });
    expect(run(calls, [ids, values], [rows * width])[0]).toEqual(want);

    const base = noise(rows * width, 3);
    const onBase = Float32Array.from(base);
    ids.forEach((id, i) => {
      for (let c = 0; c < width; c++) onBase[id * width + c]! += values[i * width + c]!;
    });
    expect(run(calls, [ids, values, base], [rows * width])[0]).toEqual(onBase);
    expect(run(calls, [ids, values, base], [{ inPlace: 2 }])[0]).toEqual(onBase);
  });

  it('marks ids outside the table and adds nothing for them', () => {
    const ids = Int32Array.of(-1, 1, 2, 2_147_483_647);
    const [out] = run(gatherRowsCalls({ rows: 2, width: 3, count: 4 }), [Float32Array.of(1, 2, 3, 4, 5, 6), ids], [12]);
    const none = [Number.NaN, Number.NaN, Number.NaN];
    expect([...out!]).toEqual([...none, 4, 5, 6, ...none, ...none]);
    const [gradient] = run(
      scatterAddRowsCalls({ rows: 2, width: 3, count: 4 }),
      [ids, new Float32Array(12).fill(1)],
      [6],
    );
    expect([...gradient!]).toEqual([0, 0, 0, 1, 1, 1]);
  });
});
