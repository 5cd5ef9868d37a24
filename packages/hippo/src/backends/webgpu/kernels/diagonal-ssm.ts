// The kernels of the diagonal state-space model. All forms that may be asked for give the same numbers, so the number of steps
// decides: the recurrence for few, chunks for more.
import { type DiagonalSsmAttributes, diagonalSsmOperation, ssmSizes } from '../../../ops/diagonal-ssm.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { type ChunkOperands, type ChunkSizes, chunkChoice } from './diagonal-ssm-chunks.ts';
import { fewSteps, scanChoice } from './diagonal-ssm-scan.ts';
import type { KernelChoice } from './dispatch.ts';

/** The model or the mixer, step by step or in chunks. */
export function modelChoice(
  sizes: ChunkSizes,
  operands: ChunkOperands,
  traits: DeviceTraits,
): KernelChoice | undefined {
  const optionalOutputs = operands.rows.length === 3 ? [1, 2] : [1];
  if (sizes.length <= fewSteps) {
    const choice = scanChoice(sizes, { ...operands, givenPoles: false }, traits);
    return choice && { ...choice, optionalOutputs, reason: 'recurrence' };
  }
  const choice = chunkChoice(sizes, operands, traits);
  return choice && { ...choice, optionalOutputs, reason: 'in chunks' };
}

export const diagonalSsmChoosers: Readonly<Record<string, Chooser>> = {
  [diagonalSsmOperation.name]: ({ inputs, attributes }, traits) => {
    const [u, pole] = inputs;
    if (!u || !pole) return undefined;
    // A node's attributes are those of its operation.
    const { skip, state } = attributes as DiagonalSsmAttributes;
    const operands = {
      rows: [0],
      shift: undefined,
      poles: 1,
      skip: skip ? 5 : undefined,
      shiftState: undefined,
      state: state ? (skip ? 6 : 5) : undefined,
      endState: 1,
    };
    return modelChoice({ ...ssmSizes(u, pole), taps: 0 }, operands, traits);
  },
};
