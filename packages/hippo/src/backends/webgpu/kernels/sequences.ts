// The choosers of all convolution and state-space operations.
import { causalFirChoosers } from './causal-fir.ts';
import { causalFirGradientChoosers } from './causal-fir-gradient.ts';
import type { Chooser } from './chooser.ts';
import { diagonalSsmChoosers } from './diagonal-ssm.ts';
import { diagonalSsmGradientChoosers } from './diagonal-ssm-gradient.ts';
import { fftConvChoosers } from './fft-conv.ts';
import { h3MixerChoosers } from './h3-mixer.ts';

export const sequenceChoosers: Readonly<Record<string, Chooser>> = {
  ...causalFirChoosers,
  ...causalFirGradientChoosers,
  ...diagonalSsmChoosers,
  ...diagonalSsmGradientChoosers,
  ...fftConvChoosers,
  ...h3MixerChoosers,
};
