// The shaders of some fixed graphs as text: a change of the generators shows as a difference. Needs no device.
import { expect, it } from 'vitest';
import { applyOperation, input } from '../../../graph/trace.ts';
import type { Value } from '../../../graph/value.ts';
import { adamW } from '../../../ops/adam-w.ts';
import { add, exp, gatherRows, mul, softmax, sum, transpose } from '../../../ops/index.ts';
import { layerNormOperation } from '../../../ops/layer-norm.ts';
import { shaderTexts } from './shader-snapshot.test-support.ts';

const f = (name: string, ...shape: number[]): Value => input(name, { shape, dtype: 'f32' });

const graphs: Readonly<Record<string, () => Record<string, Value>>> = {
  'elementwise-vectors': () => {
    const scaled = mul(add(f('x', 6, 8), f('row', 8)), f('column', 6, 1));
    return { y: exp(add(scaled, transpose(f('turned', 8, 6), [1, 0]))), scaled };
  },
  'elementwise-numbers': () => ({ y: exp(mul(add(f('x', 6, 7), f('row', 7)), 0.5)) }),
  'layer-norm': () => {
    const operands = [f('x', 2048, 768), f('weight', 768), f('bias', 768)];
    const [y] = applyOperation(layerNormOperation, operands, { epsilon: 1e-5 });
    return { y: y as Value };
  },
  softmax: () => ({ y: softmax(f('x', 5, 33)) }),
  gather: () => ({ y: gatherRows(f('table', 100, 768), input('ids', { shape: [4, 8], dtype: 'i32' })) }),
  'sum-in-chunks': () => ({ y: sum(f('x', 65_536, 96), [0]) }),
  'adam-w': () => {
    const scalar = (name: string): Value => f(name);
    const tensors = { content: f('p', 30), first: f('m', 30), second: f('v', 30), gradient: f('g', 30) };
    const [result] = adamW(
      [{ ...tensors, decay: 0.1, cap: 0.001 }],
      {
        healthy: scalar('healthy'),
        scale: scalar('scale'),
        rate: scalar('rate'),
        correction1: scalar('correction1'),
        correction2: scalar('correction2'),
      },
      { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 },
    );
    return { ...result };
  },
};

it.each(Object.entries(graphs))('%s', async (name, build) => {
  await expect(shaderTexts(build)).toMatchFileSnapshot(`snapshots/${name}.wgsl`);
});
