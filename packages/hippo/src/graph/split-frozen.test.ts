// What depends on frozen variables alone is computed once, and nothing else is.
import { describe, expect, it } from 'vitest';
import { add, exp, matmul, mul, reshape, sum } from '../ops/index.ts';
import { compile } from '../session/compile.ts';
import { openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { prune } from './prune.ts';
import { splitFrozen } from './split-frozen.ts';
import { assign, input, read, traceGraph } from './trace.ts';
import type { Value } from './value.ts';
import { stateVariable } from './variable.ts';
import { verify } from './verify.ts';

const weight = stateVariable('weight', [4, 4], 'f32', 0.5);
const counter = stateVariable('counter', [4, 4], 'f32', 1);
const names = (graph: { nodes: readonly { operation: { name: string } }[] }) =>
  graph.nodes.map(({ operation }) => operation.name);

function program(x: Value): Record<string, Value> {
  const kernel = exp(mul(read(weight), 2));
  assign(counter, add(read(counter), kernel));
  return { y: matmul(x, kernel), z: matmul(x, reshape(read(weight), [4, 4])), total: sum(read(counter)) };
}

describe('splitFrozen', () => {
  const graph = traceGraph(() => program(input('x', { shape: [2, 4], dtype: 'f32' })));
  const { once, each, hidden } = splitFrozen(graph, new Set([weight, counter]), 'p');
  it('moves the work on frozen variables out, and leaves bare weights and assigned variables alone', () => {
    verify(each);
    verify(once);
    expect(hidden).toHaveLength(1);
    expect(names(prune(each))).not.toContain('exp');
    expect(names(once)).toContain('exp');
    expect([...prune(each).assignments.keys()]).toEqual([counter]);
  });
  it('changes no result', async () => {
    const runs = await Promise.all(
      [[], [weight]].map(async (frozen) => {
        await using device = await openDevice({ backend: 'wasm', threads: 1 });
        using store = createStore(device);
        store.initialize([weight, counter]);
        const before = device.backend.allocatedBytes;
        const run = await compile(({ x }) => program(x), {
          store,
          frozen,
          verify: true,
          inputs: { x: { shape: [2, 4], dtype: 'f32' } },
        });
        const x = [1, 2, 3, 4, 5, 6, 7, 8];
        const outputs = [await run({ x }), await run({ x })];
        run.dispose();
        expect(device.backend.allocatedBytes).toBe(before);
        return outputs.map(({ y, z, total }) => [...(y?.data ?? []), ...(z?.data ?? []), ...(total?.data ?? [])]);
      }),
    );
    expect(runs[1]).toEqual(runs[0]);
  });
});
