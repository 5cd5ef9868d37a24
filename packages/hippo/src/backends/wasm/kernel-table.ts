// The typed kernel table: which WebAssembly calls perform which operation, and how its operands fill the calls' fixed slots
// (an absent optional operand is address 0).

import type { Node } from '../../graph/value.ts';
import { type AdamWAttributes, adamWOperation } from '../../ops/adam-w.ts';
import { causalAttentionGradientOperation, causalAttentionOperation } from '../../ops/causal-attention.ts';
import { causalFirGradientOperation, causalFirOperation, firSizes } from '../../ops/causal-fir.ts';
import { concatOperation } from '../../ops/concat.ts';
import { crossEntropyGradientOperation, crossEntropyOperation } from '../../ops/cross-entropy.ts';
import {
  diagonalSsmGradientOperation,
  diagonalSsmOperation,
  type SsmForm,
  type SsmSizes,
  ssmSizes,
} from '../../ops/diagonal-ssm.ts';
import { gatherRowsOperation, scatterAddRowsOperation } from '../../ops/embedding.ts';
import { fftConvKernelGradientOperation, fftConvOperation } from '../../ops/fft-conv.ts';
import { layerNormGradientOperation, layerNormOperation } from '../../ops/layer-norm.ts';
import { linearCrossEntropyGradientOperation, linearCrossEntropyOperation } from '../../ops/linear-cross-entropy.ts';
import { matmulOperation, matmulSizes } from '../../ops/matmul.ts';
import { maxOperation } from '../../ops/max.ts';
import { randomNormalOperation, randomUniformOperation } from '../../ops/random.ts';
import { shiftTapsOperation } from '../../ops/shift-taps.ts';
import { padOperation } from '../../ops/slice.ts';
import { softmaxGradientOperation, softmaxOperation } from '../../ops/softmax.ts';
import { reductionSizes, sumOperation } from '../../ops/sum.ts';
import { sumSquaresOperation } from '../../ops/sum-squares.ts';
import { updateSliceOperation } from '../../ops/update-slice.ts';
import type { KernelTable, LoweredKernel } from '../../plan/kernel.ts';
import { elementCount } from '../../tensor/shape.ts';
import { adamWCalls } from './kernels/adam-w.ts';
import type { KernelCalls } from './kernels/call.ts';
import { causalAttentionCalls, causalAttentionGradientCalls } from './kernels/causal-attention.ts';
import { causalFirCalls, causalFirGradientCalls } from './kernels/causal-fir.ts';
import { crossEntropyCalls, crossEntropyGradientCalls } from './kernels/cross-entropy.ts';
import { diagonalSsmCalls, diagonalSsmGradientCalls } from './kernels/diagonal-ssm.ts';
import { elementwiseCalls, elementwiseOpcodes } from './kernels/elementwise.ts';
import { gatherRowsCalls, scatterAddRowsCalls } from './kernels/embedding.ts';
import { fftConvCalls, fftConvKernelGradientCalls } from './kernels/fft-conv.ts';
import { layerNormCalls, layerNormGradientCalls } from './kernels/layer-norm.ts';
import { linearCrossEntropyCalls, linearCrossEntropyGradientCalls } from './kernels/linear-cross-entropy.ts';
import { matmulCalls } from './kernels/matmul.ts';
import { concatCalls, padCalls, updateSliceCalls } from './kernels/movement.ts';
import { randomNormalCalls, randomUniformCalls } from './kernels/random.ts';
import { reduceCalls } from './kernels/reduce.ts';
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

type Choice = Omit<WasmKernel, 'name' | 'workspaceBytes'>;
type Chooser = (node: Node) => Choice;

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
  [matmulOperation.name]: (node) => {
    const [a, b] = node.inputs;
    const attributes = attributesOf<{ transposeA: boolean; transposeB: boolean }>(node);
    if (!a || !b) throw new Error('matmul without operands');
    const sizes = matmulSizes(a, b, attributes);
    return { calls: matmulCalls({ ...sizes, strideC: sizes.m * sizes.n, ...attributes }) };
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
  [linearCrossEntropyOperation.name]: (node) => ({ calls: linearCrossEntropyCalls(linearCrossEntropySizes(node)) }),
  [linearCrossEntropyGradientOperation.name]: (node) => ({
    calls: linearCrossEntropyGradientCalls(linearCrossEntropySizes(node)),
    optionalOutputs: [0, 1, 2],
  }),
  [causalAttentionOperation.name]: (node) => ({
    calls: causalAttentionCalls(attentionSizes(node, 0)),
    optionalOutputs: [1],
  }),
  [causalAttentionGradientOperation.name]: (node) => ({ calls: causalAttentionGradientCalls(attentionSizes(node, 1)) }),
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
    const { skip, state, form } = attributesOf<{ skip: boolean; state: boolean; form: SsmForm }>(node);
    const sizes = ssmSizes({ shape: shapeOf(node, 0) }, { shape: shapeOf(node, 1) });
    const chosen = form === 'auto' ? cheaperForm(sizes, state) : form;
    return {
      calls: diagonalSsmCalls({ ...sizes, form: chosen }),
      reason: form === 'auto' ? `${chosen}: cheaper by the cost model` : `${chosen}: asked for`,
      inputSlots: slots(5, [skip, state]),
      optionalOutputs: [1],
    };
  },
  [diagonalSsmGradientOperation.name]: (node) => {
    const { skip, state, endGradient } = attributesOf<{ skip: boolean; state: boolean; endGradient: boolean }>(node);
    const first = endGradient ? 2 : 1;
    return {
      calls: diagonalSsmGradientCalls(ssmSizes({ shape: shapeOf(node, first) }, { shape: shapeOf(node, first + 1) })),
      inputSlots: gradientSlots(endGradient, 5, [skip, state]),
      outputSlots: slots(5, [skip, state]),
    };
  },
  [fftConvOperation.name]: (node) => {
    const { direction, skip } = attributesOf<{ direction: 'causal' | 'anticausal'; skip: boolean }>(node);
    const [channels = 1, batch = 1, length = 1] = shapeOf(node, 0);
    return {
      calls: fftConvCalls({ channels, batch, length, taps: shapeOf(node, 1)[1] ?? 1, direction }),
      inputSlots: slots(2, [skip]),
    };
  },
  [fftConvKernelGradientOperation.name]: (node) => {
    const [channels = 1, batch = 1, length = 1] = shapeOf(node, 0);
    return {
      calls: fftConvKernelGradientCalls({ channels, batch, length, taps: attributesOf<{ taps: number }>(node).taps }),
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

/**
 * The cheaper form of one channel by costs measured on one core (nanoseconds): the scan takes 80 a state to set up and
 * 0.9 + 0.21·states a step; the convolution 0.25 a step and state for the kernel, 0.28·log₂ a step for the transforms, and
 * 0.27 a step and state more when a state goes in. Fitted to single-core times at 1,024 steps
 * with 4, 32 and 512 states.
 */
function cheaperForm({ batch, length, states }: SsmSizes, hasState: boolean): Exclude<SsmForm, 'auto'> {
  const steps = batch * length;
  const scan = 80 * states + steps * (0.9 + 0.21 * states);
  const convolution =
    0.25 * length * states + 0.28 * steps * Math.log2(2 * length) + (hasState ? 0.27 * steps * states : 0);
  return convolution < scan ? 'convolution' : 'scan';
}

/** The kernel table for `threads` threads, which the size of workspaces depends on. */
export function wasmKernels(threads: number): KernelTable<WasmKernel> {
  const finish = (name: string, choice: Choice): WasmKernel => ({
    ...choice,
    name,
    workspaceBytes: choice.calls.workspaceBytes(threads),
  });
  return {
    backend: 'wasm',
    operation(node) {
      const choose = choosers[node.operation.name];
      return choose && finish(node.operation.name, choose(node));
    },
    fusion: {
      maxInputs: 24,
      maxInstructions: 120,
      has: (name) => name in elementwiseOpcodes,
      kernel: (program) => finish('elementwise', { calls: elementwiseCalls(program) }),
    },
  };
}
