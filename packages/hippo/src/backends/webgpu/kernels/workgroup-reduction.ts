// Sums and maxima over the threads of a workgroup as WGSL text, for one row or for several that lie side by side in the workgroup.
// Two rounds through workgroup memory, √n numbers each, and every thread has the result: two barriers, where halving again and again
// needs log₂ n and one more to share the result. Operations of subgroups would save one of the two barriers on some devices; row
// kernels wait for memory, not for these, so there is one form for all.

export interface WorkgroupReduction {
  /** Of the WGSL function: `name(thread, value)`, called by all threads together. */
  readonly name: string;
  /** Threads of a row, a power of two from 4 on, and rows of the workgroup. */
  readonly lanes: number;
  readonly rows: number;
  /** WGSL type of the values. */
  readonly type: string;
  readonly combine: (a: string, b: string) => string;
}

export const plus = (a: string, b: string): string => `${a} + ${b}`;
/** NaN loses; the function is one of math.ts. */
export const larger = (a: string, b: string): string => `larger1(${a}, ${b})`;
/** NaN wins; the function is one of math.ts. */
export const maximum = (a: string, b: string): string => `maximum1(${a}, ${b})`;

/** WGSL: the function and its workgroup memory. */
export function workgroupReduction({ name, lanes, rows, type, combine }: WorkgroupReduction): string {
  const columns = 2 ** Math.ceil(Math.log2(lanes) / 2);
  return `var<workgroup> ${name}Values: array<${type}, ${lanes * rows}>;
var<workgroup> ${name}Parts: array<${type}, ${columns * rows}>;
fn ${name}(thread: u32, value: ${type}) -> ${type} {
  let lane = thread % ${lanes}u;
  let row = thread / ${lanes}u * ${columns}u;
  ${name}Values[thread] = value;
  workgroupBarrier();
  if (lane < ${columns}u) {
    var part = ${name}Values[thread];
    for (var j = ${columns}u; j < ${lanes}u; j += ${columns}u) { part = ${combine('part', `${name}Values[thread + j]`)}; }
    ${name}Parts[row + lane] = part;
  }
  workgroupBarrier();
  var total = ${name}Parts[row];
  for (var j = 1u; j < ${columns}u; j++) { total = ${combine('total', `${name}Parts[row + j]`)}; }
  return total;
}`;
}
