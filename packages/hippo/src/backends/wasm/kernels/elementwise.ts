// Calls of a fused elementwise program: the twin of elementwise.as.ts. Operands that run across the target are turned into
// scratch memory first (elementwise-transpose.as.ts); the rest is one call of the interpreter.
import { BackendError } from '../../../errors.ts';
import type { ElementwiseProgram } from '../../../plan/program.ts';
import type { Addresses, KernelCall, KernelCalls, Word } from './call.ts';
import { type Axes, collapse, kindOf, type OperandKind, turnWords } from './elementwise-operand.ts';
import { type ElementwiseSchedule, type Place, scheduleElementwise } from './elementwise-schedule.ts';

/** Every instruction of the interpreter, by the name of its operation; the numbers are those of elementwise-instruction.as.ts. */
export const elementwiseOpcodes = {
  neg: 0,
  abs: 1,
  exp: 2,
  log: 3,
  log1p: 4,
  sqrt: 5,
  rsqrt: 6,
  reciprocal: 7,
  sin: 8,
  cos: 9,
  tanh: 10,
  sigmoid: 11,
  erf: 12,
  relu: 13,
  gelu: 14,
  geluDerivative: 15,
  sign: 16,
  floor: 17,
  castToF32: 18,
  castToI32: 19,
  copy: 20,
  add: 21,
  sub: 22,
  mul: 23,
  div: 24,
  maximum: 25,
  minimum: 26,
  pow: 27,
  atan2: 28,
  less: 29,
  lessEqual: 30,
  equal: 31,
  addI32: 32,
  mulI32: 33,
  lessI32: 34,
  equalI32: 35,
  select: 36,
} as const;

/** What the schedule makes of two of them. */
const joinedOpcodes: Readonly<Record<string, number>> = { geluPair: 37 };

export type ElementwiseOp = keyof typeof elementwiseOpcodes;

/** Elements of a block, as in elementwise.as.ts. */
const BLOCK = 256;
const MODES = { contiguous: 0, scalar: 1, gathered: 2, turned: 0 } as const satisfies Record<OperandKind, number>;
/** Element-instructions below which threads are not worth waking: some 2 µs. */
const SHARED_FROM = 12_000;

interface Operand {
  readonly axes: Axes;
  readonly kind: OperandKind;
  /** Where a turned operand's copy lies in the workspace. */
  readonly turnedAt: number;
}

/**
 * Calls of a fused program. Inputs and outputs as in the program; an output may share the memory of a contiguous input of
 * its own size. Results do not depend on the number of parts.
 * @throws BackendError `unknown-instruction`, `bad-program`
 */
export function elementwiseCalls(program: ElementwiseProgram): KernelCalls {
  for (const { op } of program.instructions) opcodeOf(op);
  const count = program.shape.reduce((product, size) => product * size, 1);
  let turnedBytes = 0;
  const operands = program.inputs.map(({ strides }): Operand => {
    const axes = collapse(program.shape, strides);
    const kind = kindOf(axes);
    const turnedAt = turnedBytes;
    if (kind === 'turned') turnedBytes += Math.ceil(count / 16) * 64;
    return { axes, kind, turnedAt };
  });
  const layout: Layout = { program, operands, count, turnedBytes };
  // The most scratch that any sharing of memory between inputs and outputs can ask for.
  const most = layoutOf(
    layout,
    scheduleElementwise(program, { shares: () => true, isScalar: isScalar(layout) }),
  ).partBytes;
  return {
    workspaceBytes: (parts) => turnedBytes + parts * most,
    calls: (at) => callsAt(layout, at),
  };
}

interface Layout {
  readonly program: ElementwiseProgram;
  readonly operands: readonly Operand[];
  readonly count: number;
  readonly turnedBytes: number;
}

const isScalar =
  ({ operands }: Layout) =>
  (input: number): boolean =>
    operands[input]?.kind === 'scalar';

function opcodeOf(op: string): number {
  if (op in elementwiseOpcodes) return elementwiseOpcodes[op as ElementwiseOp];
  const sentence = `elementwise: every instruction is one of the interpreter's; got "${op}". Add it to elementwiseOpcodes and elementwise-instruction.as.ts.`;
  throw new BackendError('unknown-instruction', sentence, { op });
}

function callsAt(layout: Layout, at: Addresses): KernelCall[] {
  const { program, operands, count } = layout;
  const shares = (input: number, output: number): boolean =>
    at.inputs[input] === at.outputs[output] && operands[input]?.kind === 'contiguous';
  const schedule = scheduleElementwise(program, { shares, isScalar: isScalar(layout) });
  const work = count * (1 + program.inputs.length + schedule.instructions.length);
  const share = work < SHARED_FROM ? ({ parts: 1 } as const) : {};
  const source = (i: number): number => (at.inputs[i] ?? 0) + 4 * (program.inputs[i]?.offset ?? 0);

  // A program of nothing but turned copies writes its outputs at once.
  const pure =
    schedule.instructions.length === 0 && operands.every(({ kind }, i) => kind === 'turned' && schedule.copies.has(i));
  const calls: KernelCall[] = [];
  const addresses = operands.map(({ axes, kind, turnedAt }, i) => {
    if (kind !== 'turned') return source(i);
    const target = pure ? (at.outputs[schedule.copies.get(i) ?? 0] ?? 0) : at.workspace + turnedAt;
    calls.push({ entry: 'elementwiseTranspose', words: [source(i), target, ...turnWords(axes)], ...share });
    return target;
  });
  if (pure) return calls;
  return [...calls, { entry: 'elementwise', words: interpreterWords(layout, { schedule, at, addresses }), ...share }];
}

/** Byte offsets in one part's scratch memory. */
function layoutOf({ program, operands, count }: Layout, { temporaries }: ElementwiseSchedule) {
  const { inputs, constants, outputs } = program;
  const pointers = inputs.length + constants.length + temporaries + outputs.length;
  const odometer = pointers * 4;
  const rank = Math.max(0, ...operands.map(({ axes }) => axes.sizes.length));
  const blocks = Math.ceil((odometer + rank * 4) / 64) * 64;
  const blockBytes = Math.min(BLOCK, Math.ceil(count / 8) * 8) * 4;
  const block = (pointer: number): number => blocks + pointer * blockBytes;
  return { odometer, block, pointers, partBytes: Math.ceil(block(pointers) / 64) * 64 };
}

interface Placed {
  readonly schedule: ElementwiseSchedule;
  readonly at: Addresses;
  readonly addresses: readonly number[];
}

function interpreterWords(layout: Layout, { schedule, at, addresses }: Placed): Word[] {
  const { program, operands, count, turnedBytes } = layout;
  const { inputs, constants, outputs } = program;
  const { odometer, block, partBytes } = layoutOf(layout, schedule);
  const { instructions, temporaries, copies } = schedule;
  // Positions in the pointer table, which are also the numbers of the scratch blocks.
  const firsts = {
    input: 0,
    constant: inputs.length,
    temporary: inputs.length + constants.length,
    output: inputs.length + constants.length + temporaries,
  } as const satisfies Record<Place['kind'], number>;
  const position = ({ kind, index }: Place): number => firsts[kind] + index;

  const words: Word[] = [count, at.workspace + turnedBytes, partBytes, odometer];
  words.push(inputs.length, constants.length, temporaries, outputs.length, instructions.length);
  let sizesAt =
    4 * (9 + 6 * inputs.length + 2 * constants.length + temporaries + 2 * outputs.length + 5 * instructions.length);
  operands.forEach(({ axes, kind }, i) => {
    const copiedTo = copies.get(i);
    const rank = axes.sizes.length;
    words.push(
      addresses[i] ?? 0,
      MODES[kind],
      block(firsts.input + i),
      copiedTo === undefined ? 0 : copiedTo + 1,
      rank,
      sizesAt,
    );
    sizesAt += 8 * rank;
  });
  for (const [i, value] of constants.entries()) words.push({ real: value }, block(firsts.constant + i));
  for (let i = 0; i < temporaries; i++) words.push(block(firsts.temporary + i));
  for (const i of outputs.keys()) words.push(at.outputs[i] ?? 0, block(firsts.output + i));
  for (const { op, target, operands: read, second } of instructions) {
    const [a, b, c] = [...read, ...(second ? [second] : [])].map((place) => 4 * position(place));
    words.push(joinedOpcodes[op] ?? opcodeOf(op), 4 * position(target), a ?? 0, b ?? 0, c ?? 0);
  }
  for (const { axes } of operands) words.push(...axes.sizes, ...axes.strides.map((stride) => stride >>> 0));
  return words;
}
