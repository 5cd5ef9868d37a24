// The one list of operations: what conformance tests iterate over and what backends map to kernels.
import type { Operation } from '../graph/value.ts';
import { adamWOperation } from './adam-w.ts';
import { afterOperation } from './after.ts';
import { causalAttentionGradientOperation, causalAttentionOperation } from './causal-attention.ts';
import { causalFirGradientOperation, causalFirOperation } from './causal-fir.ts';
import { concatOperation } from './concat.ts';
import { constantOperation } from './constant.ts';
import { crossEntropyGradientOperation, crossEntropyOperation } from './cross-entropy.ts';
import { diagonalSsmGradientOperation, diagonalSsmOperation } from './diagonal-ssm.ts';
import { elementwiseTable } from './elementwise.ts';
import { gatherRowsOperation, scatterAddRowsOperation } from './embedding.ts';
import { fftConvGradientOperation, fftConvOperation } from './fft-conv.ts';
import { h3MixerOperation } from './h3-mixer.ts';
import { h3MixerGradientOperation } from './h3-mixer-gradient.ts';
import { h3MixerStepOperation } from './h3-mixer-step.ts';
import { layerNormGradientOperation, layerNormOperation } from './layer-norm.ts';
import { linearCrossEntropyGradientOperation, linearCrossEntropyOperation } from './linear-cross-entropy.ts';
import { matmulOperation } from './matmul.ts';
import { matmulEpilogueOperation } from './matmul-epilogue.ts';
import { maxOperation } from './max.ts';
import { packColumnsOperation } from './pack-columns.ts';
import { quantizedGatherRowsOperation, quantizedMatmulOperation } from './quantized.ts';
import { randomNormalOperation, randomUniformOperation } from './random.ts';
import { reshapeOperation } from './reshape.ts';
import { sampleTokensOperation } from './sample-tokens.ts';
import { shiftTapsOperation } from './shift-taps.ts';
import { padOperation, sliceOperation } from './slice.ts';
import { softmaxGradientOperation, softmaxOperation } from './softmax.ts';
import { stopGradientOperation } from './stop-gradient.ts';
import { broadcastOperation, sumOperation } from './sum.ts';
import { sumSquaresOperation } from './sum-squares.ts';
import { transposeOperation } from './transpose.ts';
import { updateSliceOperation } from './update-slice.ts';

export const operations: readonly Operation[] = [
  ...Object.values(elementwiseTable),
  constantOperation as Operation,
  reshapeOperation as Operation,
  stopGradientOperation,
  afterOperation,
  transposeOperation as Operation,
  sliceOperation as Operation,
  broadcastOperation as Operation,
  padOperation as Operation,
  concatOperation as Operation,
  updateSliceOperation as Operation,
  sumOperation as Operation,
  sumSquaresOperation,
  maxOperation as Operation,
  matmulOperation as Operation,
  matmulEpilogueOperation as Operation,
  packColumnsOperation as Operation,
  quantizedMatmulOperation as Operation,
  quantizedGatherRowsOperation as Operation,
  softmaxOperation,
  softmaxGradientOperation,
  layerNormOperation as Operation,
  layerNormGradientOperation,
  crossEntropyOperation as Operation,
  crossEntropyGradientOperation as Operation,
  linearCrossEntropyOperation as Operation,
  linearCrossEntropyGradientOperation as Operation,
  causalAttentionOperation as Operation,
  causalAttentionGradientOperation as Operation,
  gatherRowsOperation,
  scatterAddRowsOperation as Operation,
  randomUniformOperation as Operation,
  randomNormalOperation as Operation,
  sampleTokensOperation as Operation,
  shiftTapsOperation,
  causalFirOperation as Operation,
  causalFirGradientOperation as Operation,
  diagonalSsmOperation as Operation,
  diagonalSsmGradientOperation as Operation,
  h3MixerOperation as Operation,
  h3MixerGradientOperation as Operation,
  h3MixerStepOperation as Operation,
  fftConvOperation as Operation,
  fftConvGradientOperation as Operation,
  adamWOperation as Operation,
];

export { recompute } from '../graph/recompute.ts';
export { type AdamWAttributes, type AdamWResult, type AdamWSegment, adamW } from './adam-w.ts';
export { after } from './after.ts';
export { causalAttention } from './causal-attention.ts';
export { causalFir } from './causal-fir.ts';
export { concat } from './concat.ts';
export { constant, full, fullLike, iota, type Operand } from './constant.ts';
export { crossEntropy } from './cross-entropy.ts';
export { type DiagonalSsmParameters, diagonalSsm, type SsmForm } from './diagonal-ssm.ts';
export * from './elementwise.ts';
export { gatherRows } from './embedding.ts';
export { fftConv } from './fft-conv.ts';
export { gradient } from './gradient.ts';
export { type H3MixerParameters, h3Mixer } from './h3-mixer.ts';
export { layerNorm } from './layer-norm.ts';
export { linearCrossEntropy } from './linear-cross-entropy.ts';
export { matmul } from './matmul.ts';
export { max, mean } from './max.ts';
export { quantizedCrossEntropy, quantizedGatherRows, quantizedMatmul } from './quantized.ts';
export { hashText, type RandomSource, randomNormal, randomUniform } from './random.ts';
export { reshape } from './reshape.ts';
export { type SampleTokensAttributes, sampleTokens, type TokenCuts, uniformOf } from './sample-tokens.ts';
export { shiftTaps } from './shift-taps.ts';
export { pad, slice, sliceAxis } from './slice.ts';
export { softmax } from './softmax.ts';
export { stopGradient } from './stop-gradient.ts';
export { broadcastTo, sum } from './sum.ts';
export { sumSquares } from './sum-squares.ts';
export { transpose } from './transpose.ts';
export { updateSlice } from './update-slice.ts';
