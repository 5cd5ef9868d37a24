// The one list of WebAssembly kernels. Every kernel has the signature (args: usize, part: i32, parts: i32): void: `args` is
// the address of its argument words, and the call must do share `part` of `parts` equal shares of the work.
export { fill } from './fill.as';
export { engineFail, engineRun, engineRunAlone, engineStop, engineWorker } from './engine.as';
export { causalFir } from './causal-fir.as';
export { causalFirGradient } from './causal-fir-gradient.as';
export { fftConv, fftConvKernelGradient } from './fft-conv.as';
export { fftTable } from './fft-table.as';
export { shiftTaps } from './shift-taps.as';
export { diagonalSsmConvolution } from './diagonal-ssm-convolution.as';
export { diagonalSsmGradient } from './diagonal-ssm-gradient.as';
export { diagonalSsmScan } from './diagonal-ssm-scan.as';
export { diagonalSsmStep } from './diagonal-ssm-step.as';
export { reduceColumns, reduceRows } from './reduce.as';
export { softmax, softmaxGradient } from './softmax.as';
export { layerNorm, layerNormGradient } from './layer-norm.as';
export { crossEntropy, crossEntropyGradient, crossEntropyInPlace } from './cross-entropy.as';
export { adamW } from './adam-w.as';
export { sumSquares } from './sum-squares.as';
export { gatherRows, scatterAddRows } from './embedding.as';
export { randomNormal, randomUniform } from './random.as';
export { copyBlocks, pad, updateSlice } from './movement.as';
export { elementwise } from './elementwise.as';
export { elementwiseTranspose } from './elementwise-transpose.as';
export { matmulTiles } from './matmul.as';
export { matmulPack } from './matmul-pack.as';
export { matmulCombine, matmulDots } from './matmul-rows.as';
export { causalAttention } from './causal-attention.as';
export { causalAttentionGradient } from './causal-attention-gradient.as';
