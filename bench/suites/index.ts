// The list of suites, in the order of README.md. A suite's file, and the peers it imports, are loaded only when it runs.
import type { SuiteEntry } from '../harness/suite.ts';

export const suites: Readonly<Record<string, SuiteEntry>> = {
  matmul: {
    title: 'Matrix product',
    about:
      'C = A·B in f32, m×k×n, row-major; Hippo also with B stored as n×k, as its models store weights, and packed before. Otherwise Hippo packs B in every run; ' +
      'tfjs and onnxruntime-web keep it packed. The limit is the arithmetic of 128-bit registers, or reading the operands where ' +
      'that takes longer; OpenBLAS uses wider registers.',
    load: () => import('./matmul.ts'),
  },
  'matmul-shapes': {
    title: 'Matrix product: shapes and layouts',
    about:
      "The kernel in the shapes that models need: m×k×n, and how A and B lie (N as they are, T transposed: NT is a layer's " +
      'forward pass, TN its weight gradient). The limit is arithmetic, or reading the operands once, whichever takes longer.',
    load: () => import('./matmul-shapes.ts'),
  },
  'fft-conv': {
    title: 'Long convolution',
    about:
      'Causal convolution of 64 rows, 8 channels × batch 8, with kernels as long as the rows. Everyone transforms each ' +
      "channel's kernel in every run, and takes rows one by one or two as one complex row, whichever is faster. The limit is " +
      'the arithmetic of two transforms of twice the length, 5 N log₂ N operations each, in 128-bit registers.',
    load: () => import('./fft-conv.ts'),
  },
  attention: {
    title: 'Causal attention',
    about:
      'Batch 4, 4 heads of 64, 1,024 steps. Operations are those of the matrix products over pairs of a query and an earlier ' +
      'key: two forward, seven with the backward pass. For comparison, two of the products alone, over all pairs.',
    load: () => import('./attention.ts'),
  },
  'train-step': {
    title: 'A whole training step',
    about:
      'A hybrid H3 model (width 256, 6 layers, attention in 1 and 4, vocabulary 96, batch 4 × 1,024), forward, backward, clipping and AdamW, against the ' +
      'same model in jax-js and in PyTorch, each in its own process; losses and gradient norms of three steps are compared first.',
    load: () => import('./train-step.ts'),
  },
  'train-step-large': {
    title: 'A whole training step, 50,264 classes',
    about:
      "The same model with GPT-2's vocabulary: the head is two thirds of the arithmetic. Takes a quarter of an hour.",
    load: () => import('./train-step-large.ts'),
  },
  generation: {
    title: 'Generation',
    about:
      'The preset h3-125m with random weights at batch 1. A token reads every weight once: the limit is reading that many bytes. A ' +
      'prompt is arithmetic: its limit is our own matrix product, measured beside it.',
    load: () => import('./generation.ts'),
  },
  sampling: {
    title: 'Sampling',
    about:
      'Choosing one token of 50,257 from normal scores (standard deviation 3), on the host. Cuts are found by selection, in time ' +
      'linear in the vocabulary. Error: the share of 200 draws of tokens that a sort of the row does not keep.',
    load: () => import('./sampling.ts'),
  },
  'quantised-generation': {
    title: 'Generation with quantised weights',
    about:
      'The preset h3-125m with random weights at batch 1, in f32, with weights of 8 bits and of 4. A token reads every weight once: the ' +
      'limit is reading that many bytes. The error is against an f32 model with the quantised weights made f32 again.',
    load: () => import('./quantised-generation.ts'),
  },
  checkpoint: {
    title: 'A checkpoint through the command line',
    about:
      'The preset h3-125m with random weights, saved, converted, quantised and run by the command as a user runs it, each in a process of its own.',
    load: () => import('./checkpoint.ts'),
  },
  edges: {
    title: 'Start-up, idleness, one core',
    about:
      'A small model through the command line to its first token, what an open device costs while nothing runs, and a process that ' +
      'has one core.',
    load: () => import('./edges.ts'),
  },
  webgpu: {
    title: 'WebGPU on a GPU',
    about:
      'The WebGPU backend alone, results checked first (products against float64, the mixer against the wasm backend). Times are those of the ' +
      'device, or of many runs one after another. An H100 at rest lowers its clock from 1,980 to 345 MHz and raises it slowly: the rows of products ' +
      'that are not `stored` were measured before the program kept it busy first, and single ones show that. On a machine without a GPU this takes hours.',
    load: () => import('./webgpu.ts'),
  },
  'state-space': {
    title: 'State-space layers by length',
    about:
      'The diagonal state-space model and the fused H3 mixer (shift, gate, diagonal, gate) on one thread, in processor time: every ' +
      'form, 1 to 262,144 steps. The cost model of the planner is fitted to these figures.',
    load: () => import('./state-space.ts'),
  },
  rows: {
    title: 'Operations bound by memory',
    about:
      'Layer norm, cross-entropy of a linear head with 50,264 classes, embedding gradient, AdamW, dropout and others, against a ' +
      'copy of as many bytes in the same round. What is below 1/1.5 of the copy says what bounds it.',
    load: () => import('./rows.ts'),
  },
  memory: {
    title: 'Memory',
    about:
      'Plans against what is held and resident, recomputation of layers, and 100,000 tokens of generation: width 256, 6 layers, ' +
      'attention in 1 and 4 (generation: none), batch 4 × 1,024, one thread.',
    load: () => import('./memory.ts'),
  },
  'first-light': {
    title: 'First light',
    about: 'The whole of `npm start`, in a process of its own: a small model trained on the works of Shakespeare.',
    load: () => import('./first-light.ts'),
  },
};
