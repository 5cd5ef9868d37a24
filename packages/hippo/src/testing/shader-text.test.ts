// The generated WGSL of fixed graphs, as files that can be read and compared: a change of a generator shows in the text of every shader
// that it changes. `npx vitest run --project unit shader-text --update` writes them anew.
import { expect, it } from 'vitest';
import { webGpuKernels } from '../backends/webgpu/kernel-table.ts';
import type { Dispatch, Memory } from '../backends/webgpu/kernels/dispatch.ts';
import type { DeviceTraits } from '../backends/webgpu/traits.ts';
import { input, traceGraph } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import * as ops from '../ops/index.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Shape } from '../tensor/shape.ts';
import { conformanceCases } from './conformance-cases.ts';
import { everyDevice, largeDevice } from './webgpu-traits.test-support.ts';

type Build = () => Readonly<Record<string, Value>>;
const f = (name: string, ...shape: Shape): Value => input(name, { shape, dtype: 'f32' });

/** The last conformance case of an operation. */
const caseOf = (operation: string): Build => {
  const test = conformanceCases.filter((candidate) => candidate.operation === operation).at(-1);
  if (!test) throw new Error(`no case of ${operation}`);
  return () =>
    test.build(...test.inputs.map(({ shape, dtype = 'f32' }, index) => input(`x${index}`, { shape, dtype })));
};
const product: Build = () => ({
  y: ops.gelu(ops.add(ops.matmul(f('x', 256, 128), f('w', 512, 128), { transposeB: true }), f('bias', 512))),
});

const graphs: Readonly<Record<string, { readonly build: Build; readonly traits?: DeviceTraits }>> = {
  'elementwise-group': {
    build: () => ({ y: ops.mul(ops.sigmoid(ops.add(f('a', 64, 32), f('b', 64, 32))), f('c', 32)) }),
  },
  'elementwise-transposed': { build: () => ({ y: ops.exp(ops.transpose(f('x', 48, 20), [1, 0])) }) },
  'sum-of-rows': { build: () => ({ y: ops.sum(f('x', 128, 768), [1]) }) },
  softmax: { build: () => ({ y: ops.softmax(f('x', 128, 768)) }) },
  'layer-norm': {
    build: () => ({ y: ops.layerNorm(f('x', 128, 768), { weight: f('gain', 768), bias: f('bias', 768) }) }),
  },
  'matmul-epilogue': { build: product },
  'matmul-subgroup-matrices': { build: product, traits: largeDevice },
  'cross-entropy': { build: caseOf('crossEntropy') },
  'gather-rows': { build: caseOf('gatherRows') },
  'causal-attention': { build: caseOf('causalAttention') },
  'diagonal-ssm': { build: caseOf('diagonalSsm') },
  'h3-mixer': { build: caseOf('h3Mixer') },
  'fft-conv': { build: caseOf('fftConv') },
  'adam-w': { build: caseOf('adamW') },
};

const placeOf = (memory: Memory): string =>
  memory.space === 'input' || memory.space === 'output' ? `${memory.space} ${memory.index}` : memory.space;

function textOf({ label, workgroups, bindings, extensions = [], code }: Dispatch): string {
  const bound = bindings.map(
    ({ name, memory, element, access }) => `//   ${access} ${name}: ${element}, ${placeOf(memory)}`,
  );
  const enabled = extensions.map((name) => `//   enable ${name}`);
  return [`// ${label}: ${workgroups.join(' × ')} workgroups`, ...bound, ...enabled, code].join('\n');
}

it.each(Object.entries(graphs))('%s', async (name, { build, traits = everyDevice }) => {
  const { steps } = makePlan(traceGraph(build, { captureSource: false }), webGpuKernels(traits, 2 ** 28));
  const dispatches = steps.flatMap(({ kernel, outputs }) => [
    ...(kernel.fill ? [kernel.fill.dispatch] : []),
    ...kernel.dispatches(outputs.map((location) => location !== undefined)),
  ]);
  const text = `${dispatches.map(textOf).join('\n\n')}\n`;
  await expect(text).toMatchFileSnapshot(`../../testdata/shaders/${name}.wgsl`);
});
