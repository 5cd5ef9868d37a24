// The kernels of the diagonal state-space model. All forms that may be asked for are computed in chunks: they give the same numbers, and
// on a GPU nothing else comes close to it.
import { type DiagonalSsmAttributes, diagonalSsmOperation, ssmSizes } from '../../../ops/diagonal-ssm.ts';
import type { Chooser } from './chooser.ts';
import { chunkChoice } from './diagonal-ssm-chunks.ts';

export const diagonalSsmChoosers: Readonly<Record<string, Chooser>> = {
  [diagonalSsmOperation.name]: ({ inputs, attributes }, traits) => {
    const [u, pole] = inputs;
    if (!u || !pole) return undefined;
    // A node's attributes are those of its operation.
    const { skip, state } = attributes as DiagonalSsmAttributes;
    const choice = chunkChoice(
      { ...ssmSizes(u, pole), taps: 0 },
      {
        rows: [0],
        shift: undefined,
        poles: 1,
        skip: skip ? 5 : undefined,
        shiftState: undefined,
        state: state ? (skip ? 6 : 5) : undefined,
        endState: 1,
      },
      traits,
    );
    return choice && { ...choice, optionalOutputs: [1], reason: 'in chunks' };
  },
};
