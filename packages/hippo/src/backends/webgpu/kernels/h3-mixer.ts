// The kernels of the H3 mixer: fused with the diagonal model's (diagonal-ssm-chunks.ts, diagonal-ssm-scan.ts), which make their
// input v ⊙ shift(k) and gate their output with q.
import type { Node } from '../../../graph/value.ts';
import { type H3MixerAttributes, h3MixerOperation, h3MixerSizes } from '../../../ops/h3-mixer.ts';
import { h3MixerStepOperation } from '../../../ops/h3-mixer-step.ts';
import type { Chooser } from './chooser.ts';
import { modelChoice } from './diagonal-ssm.ts';
import type { ChunkOperands } from './diagonal-ssm-chunks.ts';
import { scanChoice } from './diagonal-ssm-scan.ts';

function sizesOf({ inputs }: Node) {
  const [q, , , taps, , pole] = inputs;
  return q && taps && pole && h3MixerSizes(q, taps, pole);
}

const operandsOf = (state: boolean): ChunkOperands => ({
  rows: [0, 1, 2],
  shift: 3,
  poles: 5,
  skip: 9,
  shiftState: state ? 10 : undefined,
  state: state ? 11 : undefined,
  endState: 2,
});

export const h3MixerChoosers: Readonly<Record<string, Chooser>> = {
  [h3MixerOperation.name]: (node, traits) => {
    const sizes = sizesOf(node);
    // A node's attributes are those of its operation.
    const { state } = node.attributes as H3MixerAttributes;
    return sizes && modelChoice(sizes, operandsOf(state), traits);
  },
  [h3MixerStepOperation.name]: (node, traits) => {
    const sizes = sizesOf(node);
    const { state } = node.attributes as H3MixerAttributes;
    const choice = sizes && scanChoice(sizes, { ...operandsOf(state), givenPoles: true }, traits);
    return choice && { ...choice, optionalOutputs: [1, 2] };
  },
};
