// The typed kernel table: which dispatches perform which operation on the device at hand.
import type { Node } from '../../graph/value.ts';
import { layerNormOperation } from '../../ops/layer-norm.ts';
import { linearCrossEntropyGradientOperation } from '../../ops/linear-cross-entropy.ts';
import { matmulOperation } from '../../ops/matmul.ts';
import { absorbIntoMatmul, matmulEpilogueOperation } from '../../ops/matmul-epilogue.ts';
import { absorbIntoQuantizedMatmul, quantizedMatmulOperation } from '../../ops/quantized.ts';
import { sumOperation } from '../../ops/sum.ts';
import type { Halves, KernelTable, LoweredKernel } from '../../plan/kernel.ts';
import { castChoosers } from './kernels/cast-to-f16.ts';
import { attentionChoosers } from './kernels/causal-attention.ts';
import type { Chooser } from './kernels/chooser.ts';
import type { Dispatch, KernelChoice } from './kernels/dispatch.ts';
import { elementwiseChoice, elementwiseNames } from './kernels/elementwise.ts';
import { halvableOperands, linearCrossEntropyChoosers } from './kernels/linear-cross-entropy.ts';
import { halvableFactors, matmulChoosers, operandsInEights } from './kernels/matmul.ts';
import { roundsFactors } from './kernels/matmul-forms.ts';
import { quantizedMatmulChoosers } from './kernels/quantized-matmul.ts';
import { rowChoosers } from './kernels/row-choosers.ts';
import { samplingChoosers } from './kernels/sample-tokens.ts';
import { sequenceChoosers } from './kernels/sequences.ts';
import type { DeviceTraits } from './traits.ts';

/** A kernel chosen for one step. */
export interface WebGpuKernel extends LoweredKernel {
  dispatches(wanted: readonly boolean[]): readonly Dispatch[];
  readonly fill?: { readonly key: string; readonly bytes: number; readonly dispatch: Dispatch };
}

const choosers: Readonly<Record<string, Chooser>> = {
  ...rowChoosers,
  ...matmulChoosers,
  ...quantizedMatmulChoosers,
  ...linearCrossEntropyChoosers,
  ...castChoosers,
  ...attentionChoosers,
  ...samplingChoosers,
  ...sequenceChoosers,
};

/** Which operands and results may be f16, where products round their factors. */
const halves: Readonly<Record<string, (node: Node, traits: DeviceTraits) => Halves>> = {
  [matmulOperation.name]: (node, traits) => ({ wanted: halvableFactors(node, traits) }),
  [matmulEpilogueOperation.name]: (node, traits) => ({ wanted: halvableFactors(node, traits) }),
  [linearCrossEntropyGradientOperation.name]: (node, traits) => ({ wanted: halvableOperands(node, traits) }),
  [sumOperation.name]: () => ({ accepted: [0] }),
  [layerNormOperation.name]: ({ attributes }) => ({ makes: { ...attributes, halves: true } }),
};

function finish(name: string, choice: KernelChoice): WebGpuKernel {
  const { workspaceBytes = 0, table, dispatches, optionalOutputs, reason } = choice;
  return {
    name,
    workspaceBytes,
    dispatches,
    ...(optionalOutputs && { optionalOutputs }),
    ...(reason !== undefined && { reason }),
    ...(table && {
      table: { key: table.key, bytes: table.bytes },
      fill: { key: table.key, bytes: table.bytes, dispatch: table.fill },
    }),
  };
}

/** The kernel table of a device; `maxBufferBytes` is the size of the arena's pages. */
export function webGpuKernels(traits: DeviceTraits, maxBufferBytes: number): KernelTable<WebGpuKernel> {
  return {
    backend: 'webgpu',
    alignment: 256,
    pageBytes: Math.floor(maxBufferBytes / 256) * 256,
    operation(node: Node) {
      const choice = choosers[node.operation.name]?.(node, traits);
      return choice && finish(node.operation.name, choice);
    },
    ...(traits.precision === 'f16' &&
      traits.f16 && {
        packing: (node: Node) =>
          node.operation.name === matmulOperation.name ? { halves: operandsInEights(node) } : undefined,
      }),
    ...(roundsFactors(traits) && { halves: (node: Node) => halves[node.operation.name]?.(node, traits) ?? {} }),
    epilogues: new Map([
      [matmulOperation.name, absorbIntoMatmul],
      [matmulEpilogueOperation.name, absorbIntoMatmul],
      [quantizedMatmulOperation.name, absorbIntoQuantizedMatmul],
    ]),
    fusion: {
      maxInputs: 24,
      maxInstructions: 120,
      maxBindings: traits.maxStorageBuffers,
      has: (name) => elementwiseNames.has(name),
      kernel: (program) => finish('elementwise', elementwiseChoice(program, traits)),
    },
  };
}
