// A plain copy of an operand to a result, 16 bytes a thread; and zeros. Copies that the plan has made needless are left out.
import { type Dispatch, input, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { rowRanges, threads } from './rows.ts';

interface Copy {
  /** Of 32-bit numbers. */
  readonly count: number;
  readonly maxBindingBytes: number;
}

/** Copies operand `from` to result `to`, unless that took its place. */
export function copyDispatches(
  { from, to }: { readonly from: number; readonly to: number },
  { count, maxBindingBytes }: Copy,
): readonly Dispatch[] {
  return rowRanges(count, 1, maxBindingBytes).map(({ rows, bytes }) => ({
    label: 'copy',
    bindings: [reads('x', input(from, bytes), 'vec4<f32>'), writes('y', output(to, bytes), 'vec4<f32>')],
    copies: { from: 'x', to: 'y' },
    ...vectorsCode(rows, 'x[i]'),
  }));
}

/** Zeros in result `to`. */
export function zeroDispatches(to: number, { count, maxBindingBytes }: Copy): readonly Dispatch[] {
  return rowRanges(count, 1, maxBindingBytes).map(({ rows, bytes }) => ({
    label: 'zero',
    bindings: [writes('y', output(to, bytes), 'vec4<f32>')],
    ...vectorsCode(rows, 'vec4<f32>()'),
  }));
}

function vectorsCode(count: number, text: string): Pick<Dispatch, 'code' | 'workgroups'> {
  const vectors = Math.ceil(count / 4);
  const code = `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i < ${vectors}u) { y[i] = ${text}; }
}`;
  return { code, workgroups: gridOf(Math.ceil(vectors / threads)) };
}
