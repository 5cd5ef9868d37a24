// Register allocation for the elementwise interpreter: turns a program's registers into places (an input, a constant, a
// scratch block, an output), so that results are written straight into outputs where that is safe and dead blocks are
// used again. Two instructions that share most of their work become one with two targets (a function and its derivative).
import { BackendError } from '../../../errors.ts';
import type { ElementwiseProgram } from '../../../plan/program.ts';

/** Where a register's numbers are; the interpreter's pointer table is laid out from these. */
export interface Place {
  readonly kind: 'input' | 'constant' | 'temporary' | 'output';
  readonly index: number;
}

export interface ScheduledInstruction {
  readonly op: string;
  readonly target: Place;
  readonly operands: readonly Place[];
  /** Where the second result of a joined pair goes. */
  readonly second?: Place;
}

/** Pairs of unary instructions that one instruction computes together: its first result, its second. */
const joined = [{ op: 'geluPair', first: 'gelu', second: 'geluDerivative' }] as const;

export interface ElementwiseSchedule {
  readonly instructions: readonly ScheduledInstruction[];
  /** How many scratch blocks for temporaries. */
  readonly temporaries: number;
  /** Input → output, for inputs that are only copied: gathered straight into the output. */
  readonly copies: ReadonlyMap<number, number>;
}

/** Each register's source when `copy` instructions are seen through. */
function rootsOf({ inputs, constants, instructions }: ElementwiseProgram): number[] {
  const first = inputs.length + constants.length;
  const roots = Array.from({ length: first }, (_, register) => register);
  instructions.forEach(({ op, operands }, i) => {
    const [source] = operands;
    for (const operand of operands) {
      if (operand < first + i) continue;
      const sentence = `elementwise: an instruction reads registers before its own; instruction ${i} (${op}) reads ${operand}. Order the program.`;
      throw new BackendError('bad-program', sentence, { instruction: i, op, operand });
    }
    roots.push(op === 'copy' && source !== undefined ? (roots[source] ?? source) : first + i);
  });
  return roots;
}

/** What the schedule must know of the operands. */
export interface OperandFacts {
  /** Whether input i's memory is also output o's: then the input is lost where the output is written. */
  shares(input: number, output: number): boolean;
  /** Whether input i is one number, spread over a block of its own. */
  isScalar(input: number): boolean;
}

export function scheduleElementwise(
  program: ElementwiseProgram,
  { shares, isScalar }: OperandFacts,
): ElementwiseSchedule {
  const { inputs, constants, instructions, outputs } = program;
  const first = inputs.length + constants.length;
  const roots = rootsOf(program);
  const rootOf = (register: number): number => roots[register] ?? register;
  const results = outputs.map(({ register }) => rootOf(register));
  const live = liveInstructions(program, roots, results);
  const pairs = pairsOf(program, live, rootOf);
  const joinedTo = new Map([...pairs].map(([i, { partner }]) => [partner, i]));
  const lastRead = new Map<number, number>(); // register → instruction, for reads by instructions
  for (const i of live) {
    for (const operand of instructions[i]?.operands ?? [])
      lastRead.set(rootOf(operand), Math.max(joinedTo.get(i) ?? i, lastRead.get(rootOf(operand)) ?? 0));
  }
  const shared = inputs.some((_, i) => outputs.some((__, o) => shares(i, o)));

  const places = new Map<number, Place>();
  inputs.forEach((_, index) => {
    places.set(index, { kind: 'input', index });
  });
  constants.forEach((_, index) => {
    places.set(inputs.length + index, { kind: 'constant', index });
  });
  const placeOf = (register: number): Place => {
    const place = places.get(rootOf(register));
    if (!place)
      throw new BackendError('bad-program', `elementwise: register ${register} has no place. Order the program.`);
    return place;
  };
  const blocks = new BlockPool();
  const scheduled: ScheduledInstruction[] = [];
  const final: ScheduledInstruction[] = [];
  const copies = new Map<number, number>();
  const output = (index: number): Place => ({ kind: 'output', index });
  const end = instructions.length;

  // Outputs that are operands themselves.
  results.forEach((register, o) => {
    if (register >= first) return;
    const alone = results.filter((other) => other === register).length === 1 && !lastRead.has(register);
    if (register < inputs.length && alone && !shared && !isScalar(register)) {
      copies.set(register, o);
      return;
    }
    let source = placeOf(register);
    if (shared) {
      const saved: Place = { kind: 'temporary', index: blocks.take(end) };
      scheduled.push({ op: 'copy', target: saved, operands: [source] });
      source = saved;
    }
    final.push({ op: 'copy', target: output(o), operands: [source] });
  });

  /** A place for the result of an instruction that is computed at instruction `i`. */
  const placeResult = (register: number, i: number): Place => {
    const wanted = results.flatMap((result, o) => (result === register ? [o] : []));
    const safe = wanted.find((o) => inputs.every((_, input) => !shares(input, o) || (lastRead.get(input) ?? -1) <= i));
    const until = safe === undefined && wanted.length > 0 ? end : (lastRead.get(register) ?? i);
    const target: Place = safe === undefined ? { kind: 'temporary', index: blocks.take(until) } : output(safe);
    places.set(register, target);
    for (const o of wanted) if (o !== safe) final.push({ op: 'copy', target: output(o), operands: [target] });
    return target;
  };
  for (const i of live) {
    const instruction = instructions[i];
    if (!instruction || joinedTo.has(i)) continue;
    const operands = instruction.operands.map(placeOf);
    blocks.releaseBefore(i);
    const target = placeResult(first + i, i);
    const pair = pairs.get(i);
    if (!pair) {
      scheduled.push({ op: instruction.op, target, operands });
      continue;
    }
    const other = placeResult(first + pair.partner, i);
    const [one, two] = pair.swapped ? [other, target] : [target, other];
    scheduled.push({ op: pair.op, target: one, operands, second: two });
  }
  return { instructions: [...scheduled, ...final], temporaries: blocks.count, copies };
}

interface Pair {
  readonly op: string;
  /** The later instruction of the two. */
  readonly partner: number;
  /** The later instruction is the pair's first result. */
  readonly swapped: boolean;
}

/** The earlier instruction of each pair that can be joined, and how. */
function pairsOf(
  { instructions }: ElementwiseProgram,
  live: readonly number[],
  rootOf: (register: number) => number,
): ReadonlyMap<number, Pair> {
  const pairs = new Map<number, Pair>();
  const find = (op: string, source: number): number | undefined =>
    live.find((i) => instructions[i]?.op === op && rootOf(instructions[i].operands[0] ?? -1) === source);
  for (const { op, first, second } of joined) {
    for (const i of live) {
      if (instructions[i]?.op !== first) continue;
      const source = rootOf(instructions[i].operands[0] ?? -1);
      const other = find(second, source);
      if (other === undefined || find(first, source) !== i) continue;
      pairs.set(Math.min(i, other), { op, partner: Math.max(i, other), swapped: other < i });
    }
  }
  return pairs;
}

/** Instructions that some output needs, in order, copies left out. */
function liveInstructions(program: ElementwiseProgram, roots: readonly number[], results: readonly number[]): number[] {
  const first = program.inputs.length + program.constants.length;
  const needed = new Set(results);
  const live: number[] = [];
  for (let i = program.instructions.length - 1; i >= 0; i--) {
    if (!needed.has(first + i) || roots[first + i] !== first + i) continue;
    live.push(i);
    for (const operand of program.instructions[i]?.operands ?? []) needed.add(roots[operand] ?? operand);
  }
  return live.reverse();
}

/** Scratch blocks, each busy until the last instruction that reads it. */
class BlockPool {
  readonly #busyUntil: number[] = [];

  get count(): number {
    return this.#busyUntil.length;
  }

  take(until: number): number {
    const idle = this.#busyUntil.indexOf(-1);
    const index = idle < 0 ? this.#busyUntil.length : idle;
    this.#busyUntil[index] = until;
    return index;
  }

  /** Frees the blocks that instruction i is the last to read: its target may take the place of an operand. */
  releaseBefore(i: number): void {
    this.#busyUntil.forEach((until, index) => {
      if (until <= i) this.#busyUntil[index] = -1;
    });
  }
}
