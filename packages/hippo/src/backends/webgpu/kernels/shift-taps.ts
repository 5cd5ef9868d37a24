// The shift SSM's taps, taps[d, l] = Σ_j b[d, j]·c[d, j + l]: a thread for each, which reads b's number for all lags of its channel and
// c's next to its neighbour's. 768 channels of 64 taps are 1.6 million products.
import { shiftTapsOperation } from '../../../ops/shift-taps.ts';
import type { Chooser } from './chooser.ts';
import { input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { threads } from './rows.ts';

export const shiftTapsChoosers: Readonly<Record<string, Chooser>> = {
  [shiftTapsOperation.name]: ({ inputs: [b] }) => {
    const [channels = 1, taps = 1] = b?.shape ?? [];
    return shiftTapsChoice(channels, taps);
  },
};

export function shiftTapsChoice(channels: number, taps: number): KernelChoice {
  const code = `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${channels * taps}u) { return; }
  let lag = i % ${taps}u;
  let start = i - lag;
  var sum = 0.0;
  for (var j = 0u; j < ${taps}u - lag; j++) { sum += b[start + j] * c[i + j]; }
  y[i] = sum;
}`;
  const bindings = [reads('b', input(0)), reads('c', input(1)), writes('y', output(0))];
  const workgroups = gridOf(Math.ceil((channels * taps) / threads));
  return { dispatches: () => [{ label: 'shiftTaps', bindings, code, workgroups }] };
}
