// The kernels that move rows, reduce them or walk through them: everything but products, attention and state-space models.
import { adamWChoosers } from './adam-w.ts';
import type { Chooser } from './chooser.ts';
import { concatChoosers } from './concat.ts';
import { crossEntropyChoosers } from './cross-entropy.ts';
import { embeddingChoosers } from './embedding.ts';
import { layerNormChoosers } from './layer-norm.ts';
import { padChoosers } from './pad.ts';
import { quantizedRowsChoosers } from './quantized-rows.ts';
import { randomChoosers } from './random.ts';
import { reduceChoosers } from './reduce.ts';
import { shiftTapsChoosers } from './shift-taps.ts';
import { softmaxChoosers } from './softmax.ts';
import { sumSquaresChoosers } from './sum-squares.ts';
import { updateSliceChoosers } from './update-slice.ts';

export const rowChoosers: Readonly<Record<string, Chooser>> = {
  ...adamWChoosers,
  ...concatChoosers,
  ...crossEntropyChoosers,
  ...embeddingChoosers,
  ...layerNormChoosers,
  ...padChoosers,
  ...quantizedRowsChoosers,
  ...randomChoosers,
  ...reduceChoosers,
  ...shiftTapsChoosers,
  ...softmaxChoosers,
  ...sumSquaresChoosers,
  ...updateSliceChoosers,
};
