// The H3 mixer for a few steps by its recurrence, with the poles λ given instead of their logarithms. A backend whose recurrence
// starts from λ replaces the mixer by this one while weights are frozen (`KernelTable.frozenForm`), so that λ is computed once and
// not for every token. It has no gradient, since it is never made while training.
import { operand, rule } from '../graph/rule.ts';
import { applyOperation } from '../graph/trace.ts';
import type { NumbersWithShape, Operation, Value } from '../graph/value.ts';
import { cos, exp, mul, sin } from './elementwise.ts';
import { h3MixerOperands, h3MixerOperation } from './h3-mixer.ts';

export type H3MixerStepAttributes = { readonly state: boolean };

const form = 'scan';

/** Inputs as of `h3Mixer` with λ re, λ im as operands 5 and 6; the same outputs. */
export const h3MixerStepOperation: Operation<H3MixerStepAttributes> = {
  name: 'h3MixerStep',
  infer: (inputs, { state }) => {
    rule(operand(inputs, 5).dtype === 'f32', () => 'takes f32 poles.');
    return h3MixerOperation.infer(inputs, { state, form });
  },
  reference: (inputs, { state }, outputs) => {
    const { logPoleRe: re, logPoleIm: im } = h3MixerOperands(inputs);
    if (!re || !im) return [];
    const at = (value: NumbersWithShape, index: number): number => value.data[index] ?? 0;
    const logRe = Float64Array.from(re.data, (x, i) => Math.log(Math.hypot(x, at(im, i))));
    const logIm = Float64Array.from(re.data, (x, i) => Math.atan2(at(im, i), x));
    const logarithms = [
      { shape: re.shape, data: logRe },
      { shape: im.shape, data: logIm },
    ];
    const given = [...inputs.slice(0, 5), ...logarithms, ...inputs.slice(7)];
    return h3MixerOperation.reference?.(given, { state, form }, outputs) ?? [];
  },
  operations: (inputs) => h3MixerOperation.operations?.(inputs, { state: true, form }, []) ?? 0,
};

/** What a mixer's node gives, from λ = exp(logPoleRe)·(cos logPoleIm + i·sin logPoleIm) as values of their own. */
export function h3MixerStep(inputs: readonly Value[], { state }: H3MixerStepAttributes): readonly Value[] {
  const { logPoleRe, logPoleIm } = h3MixerOperands(inputs);
  if (!logPoleRe || !logPoleIm) return [];
  const size = exp(logPoleRe);
  const poles = [mul(size, cos(logPoleIm)), mul(size, sin(logPoleIm))];
  return applyOperation(h3MixerStepOperation, [...inputs.slice(0, 5), ...poles, ...inputs.slice(7)], { state });
}
