// Shape and dtype rules state themselves: `rule(holds, sentence)` throws a violation that tracing turns into a TraceError
// with the operation, the module path and the source line.
import type { DType } from '../tensor/dtype.ts';
import { formatType, type ValueType } from './value.ts';

/** A rule that did not hold. Becomes a TraceError once the place is known. */
export class RuleViolation extends Error {
  readonly facts: Readonly<Record<string, unknown>>;
  constructor(sentence: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(sentence);
    this.facts = facts;
  }
}

/** Throws unless `holds`. The sentence reads: the rule; what was got. */
export function rule(holds: boolean, sentence: () => string, facts?: Readonly<Record<string, unknown>>): asserts holds {
  if (!holds) throw new RuleViolation(sentence(), facts);
}

/** The operand at `index`, which must exist. */
export function operand(inputs: readonly ValueType[], index: number): ValueType {
  const input = inputs[index];
  rule(input !== undefined, () => `needs at least ${index + 1} operands; got ${inputs.length}.`);
  return input;
}

export function ruleDType(inputs: readonly ValueType[], index: number, dtype: DType, name: string): void {
  const input = operand(inputs, index);
  rule(input.dtype === dtype, () => `${name} must be ${dtype}; got ${formatType(input)}.`, { operand: name });
}
