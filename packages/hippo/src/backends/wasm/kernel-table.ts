// The typed kernel table: which WebAssembly calls perform which operation, and how its operands fill the calls' fixed slots
// (an absent optional operand is address 0).

import type { Node } from '../../graph/value.ts';
import { type AdamWAttributes, adamWOperation } from '../../ops/adam-w.ts';
import { causalAttentionGradientOperation, causalAttentionOperation } from '../../ops/causal-attention.ts';
import { causalFirGradientOperation, causalFirOperation, firSizes } from '../../ops/causal-fir.ts';
import { concatOperation } from '../../ops/concat.ts';
import { crossEntropyGradientOperation, crossEntropyOperation } from '../../ops/cross-entropy.ts';
import {
  type DiagonalSsmAttributes,
  type DiagonalSsmGradientAttributes,
  diagonalSsmGradientOperation,
  diagonalSsmOperation,
  ssmSizes,
} from '../../ops/diagonal-ssm.ts';
import { gatherRowsOperation, scatterAddRowsOperation } from '../../ops/embedding.ts';
import { type FftConvAttributes, fftConvGradientOperation, fftConvOperation } from '../../ops/fft-conv.ts';
import { type H3MixerAttributes, h3MixerOperation, h3MixerSizes } from '../../ops/h3-mixer.ts';
import { type H3MixerGradientAttributes, h3MixerGradientOperation } from '../../ops/h3-mixer-gradient.ts';
import { h3MixerStep, h3MixerStepOperation } from '../../ops/h3-mixer-step.ts';
import { layerNormGradientOperation, layerNormOperation } from '../../ops/layer-norm.ts';
import { linearCrossEntropyGradientOperation, linearCrossEntropyOperation } from '../../ops/linear-cross-entropy.ts';
import { type MatmulAttributes, matmulOperation, matmulSizes } from '../../ops/matmul.ts';
import {
  absorbIntoMatmul,
  epilogueSizes,
  type MatmulEpilogueAttributes,
  matmulEpilogueOperation,
} from '../../ops/matmul-epilogue.ts';
import { maxOperation } from '../../ops/max.ts';
import { type PackColumnsAttributes, packColumnsOperation } from '../../ops/pack-columns.ts';
import {
  absorbIntoQuantizedMatmul,
  type QuantizedMatmulAttributes,
  quantizedGatherRowsOperation,
  quantizedMatmulOperation,
} from '../../ops/quantized.ts';
import { randomNormalOperation, randomUniformOperation } from '../../ops/random.ts';
import { type SampleTokensAttributes, sampleTokensOperation } from '../../ops/sample-tokens.ts';
import { shiftTapsOperation } from '../../ops/shift-taps.ts';
import { padOperation } from '../../ops/slice.ts';
import { softmaxGradientOperation, softmaxOperation } from '../../ops/softmax.ts';
import { reductionSizes, sumOperation } from '../../ops/sum.ts';
import { sumSquaresOperation } from '../../ops/sum-squares.ts';
import { updateSliceOperation } from '../../ops/update-slice.ts';
import type { KernelTable, LoweredKernel } from '../../plan/kernel.ts';
import type { QuantizedMatrix } from '../../tensor/quantization.ts';
import { elementCount } from '../../tensor/shape.ts';
import { chooseForm, chooseGradientForm } from './diagonal-ssm-cost.ts';
import { adamWCalls } from './kernels/adam-w.ts';
import type { KernelCalls } from './kernels/call.ts';
import { causalAttentionCalls, causalAttentionGradientCalls } from './kernels/causal-attention.ts';
import { causalFirCalls, causalFirGradientCalls } from './kernels/causal-fir.ts';
import { crossEntropyCalls, crossEntropyGradientCalls } from './kernels/cross-entropy.ts';
import { diagonalSsmCalls, diagonalSsmGradientCalls } from './kernels/diagonal-ssm.ts';
import { elementwiseCalls, elementwiseOpcodes } from './kernels/elementwise.ts';
import { gatherRowsCalls, scatterAddRowsCalls } from './kernels/embedding.ts';
import { fftConvCalls, fftConvGradientCalls } from './kernels/fft-conv.ts';
import { FEW_STEPS, h3MixerCalls, h3MixerGradientCalls } from './kernels/h3-mixer.ts';
import { layerNormCalls, layerNormGradientCalls } from './kernels/layer-norm.ts';
import { linearCrossEntropyCalls, linearCrossEntropyGradientCalls } from './kernels/linear-cross-entropy.ts';
import { gainsFromPacking, matmulCalls, packColumnsCalls, panelWidth } from './kernels/matmul.ts';
import { concatCalls, padCalls, updateSliceCalls } from './kernels/movement.ts';
import { quantizedGatherRowsCalls, quantizedMatmulCalls } from './kernels/quantized-matmul.ts';
import { randomNormalCalls, randomUniformCalls } from './kernels/random.ts';
import { reduceCalls } from './kernels/reduce.ts';
import { sampleTokensCalls } from './kernels/sample-tokens.ts';
import { shiftTapsCalls } from './kernels/shift-taps.ts';
import { softmaxCalls, softmaxGradientCalls } from './kernels/softmax.ts';
import { sumSquaresCalls } from './kernels/sum-squares.ts';

/** A kernel's calls, and which operand goes into each of their slots. */
export interface WasmKernel extends LoweredKernel {
  readonly calls: KernelCalls;
  /** Slot → operand index; undefined: the slot is empty. Absent: operand i in slot i. */
  readonly inputSlots?: readonly (number | undefined)[];
  readonly outputSlots?: readonly (number | undefined)[];
}

/** What kernels depend on besides the node. */
export interface EngineTraits {
  readonly threads: number;
  /** 256-bit vectors: see wide-vectors.ts. */
  readonly wide: boolean;
}

type Choice = Omit<WasmKernel, 'name' | 'workspaceBytes' | 'table'>;
/** Undefined: no kernel for these attributes, so the decomposition is tried. */
type Chooser = (node: Node, engine: EngineTraits) => Choice | undefined;

const shapeOf = (node: Node, index: number): readonly number[] => node.inputs[index]?.shape ?? [];
const countOf = (node: Node, index: number): number => elementCount(shapeOf(node, index));
const attributesOf = <A>(node: Node): A => node.attributes as A;

/** Slots for a run of required operands followed by optional ones, present as flagged. */
function slots(required: number, optional: readonly boolean[]): (number | undefined)[] {
  let next = required;
  return [...Array(required).keys(), ...optional.map((present) => (present ? next++ : undefined))];
}

/** The same for gradients, where [g, dEnd?] stand before the forward operands. */
function gradientSlots(endGradient: boolean, required: number, optional: readonly boolean[]): (number | undefined)[] {
  const shift = endGradient ? 2 : 1;
  return [
    0,
    endGradient ? 1 : undefined,
    ...slots(required, optional).map((slot) => (slot === undefined ? undefined : slot + shift)),
  ];
}

const choosers: Readonly<Record<string, Chooser>> = {
  [matmulOperation.name]: matmulChoice,
  [matmulEpilogueOperation.name]: matmulChoice,
  [packColumnsOperation.name]: (node) => {
    const { transposed, width } = attributesOf<PackColumnsAttributes>(node);
    const [, k = 1] = node.outputs[0]?.shape ?? [];
    return { calls: packColumnsCalls({ k, n: countOf(node, 0) / k, transposed, width }) };
  },
  [quantizedMatmulOperation.name]: (node, { wide }) => {
    const { bias, ...attributes } = attributesOf<QuantizedMatmulAttributes>(node);
    const [m = 1, n = 1] = node.outputs[0]?.shape ?? [];
    return { calls: quantizedMatmulCalls({ ...attributes, m, n, bias: bias === 'columns', wide }) };
  },
  [quantizedGatherRowsOperation.name]: (node) => {
    const [rows = 0] = shapeOf(node, 0);
    return {
      calls: quantizedGatherRowsCalls({ ...attributesOf<QuantizedMatrix>(node), rows, count: countOf(node, 1) }),
    };
  },
  [sumOperation.name]: (node) => ({
    calls: reduceCalls({ ...reductionSizes(shapeOf(node, 0), attributesOf(node)), kind: 'sum' }),
  }),
  [sumSquaresOperation.name]: (node) => ({ calls: sumSquaresCalls(node.inputs.map((_, i) => countOf(node, i))) }),
  [maxOperation.name]: (node) => ({
    calls: reduceCalls({ ...reductionSizes(shapeOf(node, 0), attributesOf(node)), kind: 'max' }),
  }),
  [softmaxOperation.name]: (node) => ({ calls: softmaxCalls(rowsOf(node, 0)) }),
  [softmaxGradientOperation.name]: (node) => ({ calls: softmaxGradientCalls(rowsOf(node, 0)) }),
  [layerNormOperation.name]: (node) => ({
    calls: layerNormCalls({ ...rowsOf(node, 0), ...attributesOf<{ epsilon: number }>(node) }),
    optionalOutputs: [1, 2],
  }),
  [layerNormGradientOperation.name]: (node) => ({ calls: layerNormGradientCalls(rowsOf(node, 1)) }),
  [crossEntropyOperation.name]: (node) => ({
    calls: crossEntropyCalls(crossEntropySizes(node, 0)),
    optionalOutputs: [1],
  }),
  [crossEntropyGradientOperation.name]: (node) => ({ calls: crossEntropyGradientCalls(crossEntropySizes(node, 1)) }),
  [linearCrossEntropyOperation.name]: (node, { wide }) => ({
    calls: linearCrossEntropyCalls({ ...linearCrossEntropySizes(node), wide }),
  }),
  [linearCrossEntropyGradientOperation.name]: (node, { wide }) => ({
    calls: linearCrossEntropyGradientCalls({ ...linearCrossEntropySizes(node), wide }),
    optionalOutputs: [0, 1, 2],
  }),
  [causalAttentionOperation.name]: (node, { wide }) => ({
    calls: causalAttentionCalls({ ...attentionSizes(node, 0), wide }),
    optionalOutputs: [1],
  }),
  [causalAttentionGradientOperation.name]: (node, { wide }) => ({
    calls: causalAttentionGradientCalls({ ...attentionSizes(node, 1), wide }),
  }),
  [gatherRowsOperation.name]: (node) => {
    const [rows = 0, width = 1] = shapeOf(node, 0);
    return { calls: gatherRowsCalls({ rows, width, count: countOf(node, 1) }) };
  },
  [scatterAddRowsOperation.name]: (node) => {
    const width = node.outputs[0]?.shape[1] ?? 1;
    return { calls: scatterAddRowsCalls({ rows: node.outputs[0]?.shape[0] ?? 0, width, count: countOf(node, 0) }) };
  },
  [randomUniformOperation.name]: (node) => ({ calls: randomUniformCalls(randomSizes(node)) }),
  [randomNormalOperation.name]: (node) => ({ calls: randomNormalCalls(randomSizes(node)) }),
  [sampleTokensOperation.name]: (node) => {
    const [rows = 0, columns = 0] = shapeOf(node, 0);
    return { calls: sampleTokensCalls({ rows, columns, ...attributesOf<SampleTokensAttributes>(node) }) };
  },
  [concatOperation.name]: (node) => ({
    calls: concatCalls({ shapes: node.inputs.map(({ shape }) => shape), ...attributesOf<{ axis: number }>(node) }),
  }),
  [padOperation.name]: (node) => ({
    calls: padCalls({
      shape: shapeOf(node, 0),
      ...attributesOf<{ before: readonly number[]; after: readonly number[] }>(node),
    }),
  }),
  [updateSliceOperation.name]: (node) => {
    const { axis } = attributesOf<{ axis: number }>(node);
    const shape = shapeOf(node, 0);
    return {
      calls: updateSliceCalls({
        outer: elementCount(shape.slice(0, axis)),
        capacity: shape[axis] ?? 1,
        count: shapeOf(node, 1)[axis] ?? 1,
        inner: elementCount(shape.slice(axis + 1)),
        positions: elementCount(shapeOf(node, 2)),
      }),
    };
  },
  [shiftTapsOperation.name]: (node) => {
    const [channels = 1, taps = 1] = shapeOf(node, 0);
    return { calls: shiftTapsCalls({ channels, taps }) };
  },
  [causalFirOperation.name]: (node) => {
    const { skip, state } = attributesOf<{ skip: boolean; state: boolean }>(node);
    return {
      calls: causalFirCalls(firSizes({ shape: shapeOf(node, 0) }, { shape: shapeOf(node, 1) })),
      inputSlots: slots(2, [skip, state]),
      optionalOutputs: [1],
    };
  },
  [causalFirGradientOperation.name]: (node) => {
    const { skip, state, endGradient } = attributesOf<{ skip: boolean; state: boolean; endGradient: boolean }>(node);
    const first = endGradient ? 2 : 1;
    return {
      calls: causalFirGradientCalls(firSizes({ shape: shapeOf(node, first) }, { shape: shapeOf(node, first + 1) })),
      inputSlots: gradientSlots(endGradient, 2, [skip, state]),
      outputSlots: slots(2, [skip, state]),
    };
  },
  [diagonalSsmOperation.name]: (node) => {
    const { skip, state, form: asked } = attributesOf<DiagonalSsmAttributes>(node);
    const sizes = ssmSizes({ shape: shapeOf(node, 0) }, { shape: shapeOf(node, 1) });
    const { form, reason } = chooseForm(sizes, asked, state);
    return {
      calls: diagonalSsmCalls({ ...sizes, form }),
      reason,
      inputSlots: slots(5, [skip, state]),
      optionalOutputs: [1],
    };
  },
  [diagonalSsmGradientOperation.name]: (node) => {
    const { skip, state, endGradient, form: asked } = attributesOf<DiagonalSsmGradientAttributes>(node);
    const first = endGradient ? 2 : 1;
    const sizes = ssmSizes({ shape: shapeOf(node, first) }, { shape: shapeOf(node, first + 1) });
    const { form, reason } = chooseGradientForm(sizes, asked, state || endGradient);
    return {
      calls: diagonalSsmGradientCalls({ ...sizes, form }),
      reason,
      inputSlots: gradientSlots(endGradient, 5, [skip, state]),
      outputSlots: slots(5, [skip, state]),
    };
  },
  [h3MixerOperation.name]: (node) => {
    const { state, form: asked } = attributesOf<H3MixerAttributes>(node);
    const sizes = mixerSizes(node, 0);
    const { form, reason } = chooseForm(sizes, asked, state);
    return { calls: h3MixerCalls({ ...sizes, form }), reason, optionalOutputs: [1, 2] };
  },
  [h3MixerStepOperation.name]: (node) => ({
    calls: h3MixerCalls({ ...mixerSizes(node, 0), form: 'step' }),
    optionalOutputs: [1, 2],
  }),
  [h3MixerGradientOperation.name]: (node) => {
    const { state, endGradients, form: asked } = attributesOf<H3MixerGradientAttributes>(node);
    const first = endGradients ? 3 : 1;
    const sizes = mixerSizes(node, first);
    const { form, reason } = chooseGradientForm(sizes, asked, state || endGradients);
    const operands = Array.from({ length: 12 }, (_, i) => first + i);
    return {
      calls: h3MixerGradientCalls({ ...sizes, form }),
      reason,
      inputSlots: endGradients ? [0, 1, 2, ...operands] : [0, undefined, undefined, ...operands],
    };
  },
  [fftConvOperation.name]: (node) => {
    const { direction, skip } = attributesOf<FftConvAttributes>(node);
    return { calls: fftConvCalls({ ...convolutionSizes(node, 0), direction }), inputSlots: slots(2, [skip]) };
  },
  [fftConvGradientOperation.name]: (node) => {
    const { direction, skip } = attributesOf<FftConvAttributes>(node);
    return {
      calls: fftConvGradientCalls({ ...convolutionSizes(node, 1), direction }),
      inputSlots: slots(3, [skip]),
      optionalOutputs: [0],
    };
  },
  [adamWOperation.name]: (node) => {
    const attributes = attributesOf<AdamWAttributes>(node);
    const segments = attributes.decays.map((decay, i) => ({
      count: elementCount(node.outputs[3 * i]?.shape ?? []),
      decay,
      cap: attributes.caps[i] ?? Number.POSITIVE_INFINITY,
    }));
    return { calls: adamWCalls({ ...attributes, segments }) };
  },
};

function matmulChoice(node: Node, engine: EngineTraits): Choice | undefined {
  const [a, b] = node.inputs;
  if (!a || !b) throw new Error('matmul without operands');
  const plain = { bias: 'none', gelu: false, residual: false } as const;
  const attributes = { ...plain, ...attributesOf<MatmulAttributes & Partial<MatmulEpilogueAttributes>>(node) };
  const { transposeA, transposeB, bias, gelu, residual, packedColumns } = attributes;
  const sizes = epilogueSizes(a, b, attributes);
  const epilogue = { bias, activation: gelu ? 'gelu' : 'none', residual } as const;
  const layout = { transposeA, transposeB, strideC: sizes.m * sizes.n, packedB: packedColumns !== undefined };
  // Panels say themselves for which tile they are.
  const width = layout.packedB ? b.shape[2] : panelWidth(engine.wide);
  const wide = width === panelWidth(true);
  if (!wide && width !== panelWidth(false)) return undefined;
  return { calls: matmulCalls({ ...sizes, ...layout, ...epilogue, wide }) };
}

function rowsOf(node: Node, index: number): { rows: number; width: number } {
  const shape = shapeOf(node, index);
  return { rows: elementCount(shape.slice(0, -1)), width: shape[shape.length - 1] ?? 1 };
}

function crossEntropySizes(node: Node, logits: number) {
  const [rows = 0, vocabulary = 0] = shapeOf(node, logits);
  return { rows, vocabulary, ...attributesOf<{ classes: number; ignoreIndex: number }>(node) };
}

function linearCrossEntropySizes(node: Node) {
  const [rows = 0, width = 0] = shapeOf(node, 0);
  const [vocabulary = 0] = shapeOf(node, 1);
  return { rows, width, vocabulary, ...attributesOf<{ classes: number; ignoreIndex: number }>(node) };
}

function attentionSizes(node: Node, q: number) {
  const [batch = 1, heads = 1, length = 1, headDim = 1] = shapeOf(node, q);
  return { batch: batch * heads, length, headDim, ...attributesOf<{ scale: number }>(node) };
}

function randomSizes(node: Node) {
  return { count: elementCount(node.outputs[0]?.shape ?? []), stream: attributesOf<{ stream: number }>(node).stream };
}

function mixerSizes(node: Node, q: number) {
  return h3MixerSizes({ shape: shapeOf(node, q) }, { shape: shapeOf(node, q + 3) }, { shape: shapeOf(node, q + 5) });
}

function convolutionSizes(node: Node, u: number) {
  const [channels = 1, batch = 1, length = 1] = shapeOf(node, u);
  return { channels, batch, length, taps: shapeOf(node, u + 1)[1] ?? 1 };
}

/** The kernel table; the size of workspaces depends on the number of threads. */
export function wasmKernels(engine: EngineTraits): KernelTable<WasmKernel> {
  const finish = (name: string, choice: Choice): WasmKernel => ({
    ...choice,
    name,
    workspaceBytes: choice.calls.workspaceBytes(engine.threads),
    ...(choice.calls.table && { table: choice.calls.table }),
  });
  return {
    backend: 'wasm',
    operation(node) {
      const choose = choosers[node.operation.name];
      const choice = choose?.(node, engine);
      return choice && finish(node.operation.name, choice);
    },
    epilogues: new Map([
      [matmulOperation.name, absorbIntoMatmul],
      [matmulEpilogueOperation.name, absorbIntoMatmul],
      [quantizedMatmulOperation.name, absorbIntoQuantizedMatmul],
    ]),
    frozenForm(node, inputs) {
      if (node.operation !== h3MixerOperation) return undefined;
      const { state, form: asked } = attributesOf<H3MixerAttributes>(node);
      const sizes = mixerSizes(node, 0);
      const { form } = chooseForm(sizes, asked, state);
      return form === 'scan' && sizes.length <= FEW_STEPS ? h3MixerStep(inputs, { state }) : undefined;
    },
    packing(node) {
      if (node.operation !== matmulOperation) return undefined;
      const [a, b] = node.inputs;
      if (!a || !b) return undefined;
      const attributes = attributesOf<MatmulAttributes>(node);
      const product = { ...matmulSizes(a, b, attributes), strideC: 0, ...attributes };
      return a.shape.length === 2 && gainsFromPacking(product) ? { columns: panelWidth(engine.wide) } : undefined;
    },
    fusion: {
      maxInputs: 24,
      maxInstructions: 120,
      has: (name) => name in elementwiseOpcodes,
      kernel: (program) => finish('elementwise', { calls: elementwiseCalls(program) }),
    },
  };
}
