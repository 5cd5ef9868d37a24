// What the planner promises: in-place updates only where proven safe, one kernel for a fused group, errors by name.
import { describe, expect, it } from 'vitest';
import { applyOperation, applySingle, assign, input, read, traceGraph } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { stateVariable } from '../graph/variable.ts';
import { add, after, castToI32, gelu, matmul, mul, neg, reshape, sum, tanh, transpose } from '../ops/index.ts';
import { absorbIntoMatmul } from '../ops/matmul-epilogue.ts';
import { explainPlan } from './explain.ts';
import type { KernelTable, LoweredKernel } from './kernel.ts';
import { makePlan } from './make-plan.ts';
import type { Plan } from './plan.ts';
import type { ElementwiseProgram } from './program.ts';

interface Recorded extends LoweredKernel {
  readonly program?: ElementwiseProgram;
}

const kernels: KernelTable<Recorded> = {
  backend: 'recorder',
  operation: ({ operation }) =>
    operation.name === 'nobody-has-this' || operation.decompose
      ? undefined
      : { name: operation.name, workspaceBytes: 0 },
  fusion: {
    maxInputs: 8,
    maxInstructions: 20,
    has: () => true,
    kernel: (program) => ({ name: 'fused', workspaceBytes: 0, program }),
  },
};
const matrix = { shape: [4, 4], dtype: 'f32' } as const;
const x = (): Value => input('x', matrix);
const planOf = (build: () => Record<string, Value>): Plan<Recorded> =>
  makePlan(traceGraph(build), kernels, { verify: true });
const names = (plan: Plan<Recorded>): string[] =>
  plan.steps.map(({ kernel, operations }) => `${kernel.name}:${operations.join('+')}`);

describe('fusion', () => {
  it('makes one kernel of a chain, around a product two', () => {
    expect(names(planOf(() => ({ y: tanh(add(mul(x(), 2), 1)) })))).toEqual(['fused:mul+add+tanh']);
    const plan = planOf(() => {
      const h = gelu(add(x(), 1));
      return { y: neg(tanh(matmul(h, h))) };
    });
    expect(names(plan)).toEqual(['fused:add+gelu', 'matmul:matmul', 'fused:tanh+neg']);
  });
  it('makes one kernel of steps that differ in axes of one element', () => {
    const plan = planOf(() => {
      const column = reshape(tanh(x()), [4, 1, 4]);
      return { y: add(neg(column), input('bias', { shape: [4, 1, 1], dtype: 'f32' })) };
    });
    expect(names(plan)).toEqual(['fused:tanh+neg+add']);
    expect(plan.steps[0]?.kernel.program?.shape).toEqual([4, 4]);
    expect(plan.steps[0]?.kernel.program?.inputs.map(({ strides }) => strides)).toEqual([
      [4, 1],
      [1, 0],
    ]);
  });
  it('moves nothing for a transposition of axes of one element', () => {
    const plan = planOf(() => {
      const h = tanh(x());
      const moved = transpose(reshape(h, [1, 4, 4]), [1, 0, 2]);
      return { y: matmul(reshape(moved, [4, 4]), h) };
    });
    expect(names(plan)).toEqual(['fused:tanh', 'matmul:matmul']);
  });
  it('drops no step that a pass made and the backend has no kernel for', () => {
    const table: KernelTable<Recorded> = {
      backend: 'recorder',
      operation: (node) => (node.operation.name === 'matmul' ? kernels.operation(node) : undefined),
      halves: ({ operation }) => (operation.name === 'matmul' ? { wanted: [0, 1] } : {}),
    };
    const graph = traceGraph(() => {
      const h = x();
      return { y: matmul(h, h) };
    });
    expect(() => makePlan(graph, table)).toThrow('recorder has no kernel for castToF16');
  });
  it('does not merge groups with a product between them', () => {
    const plan = planOf(() => {
      const h = tanh(x());
      return { y: add(h, matmul(h, h)) };
    });
    expect(names(plan)).toEqual(['fused:tanh', 'matmul:matmul', 'fused:add']);
  });
  it('keeps what waits for another value apart from what that value needs', () => {
    const plan = planOf(() => {
      const h = tanh(x());
      const product = matmul(h, h);
      return { product, late: neg(after(h, [product])) };
    });
    expect(names(plan)).toEqual(['fused:tanh', 'matmul:matmul', 'fused:neg']);
  });
  it('reads a transpose through strides, but never of a member of the group', () => {
    expect(names(planOf(() => ({ y: add(transpose(x(), [1, 0]), 1) })))).toEqual(['fused:transpose+add']);
    const plan = planOf(() => {
      const h = tanh(x());
      return { y: add(transpose(h, [1, 0]), h) };
    });
    expect(names(plan)).toEqual(['fused:tanh', 'fused:transpose+add']);
  });
});

describe('epilogues', () => {
  const absorbing: KernelTable<Recorded> = {
    ...kernels,
    operation: (node) =>
      node.operation.name.startsWith('matmul')
        ? { name: node.operation.name, workspaceBytes: 0 }
        : kernels.operation(node),
    epilogues: new Map([
      ['matmul', absorbIntoMatmul],
      ['matmulEpilogue', absorbIntoMatmul],
    ]),
  };
  const stepsOf = (build: () => Record<string, Value>): string[] =>
    names(makePlan(traceGraph(build), absorbing, { verify: true }));
  const bias = (): Value => input('bias', { shape: [4], dtype: 'f32' });
  it('makes bias, GELU and residual part of the product, under another shape too', () => {
    const chain = (y: Value, b: Value, r: Value): Value => add(r, gelu(add(reshape(y, [2, 2, 4]), b)));
    const build = () => ({
      y: chain(matmul(x(), input('w', matrix)), bias(), input('r', { shape: [2, 2, 4], dtype: 'f32' })),
    });
    expect(stepsOf(build)).toEqual(['matmulEpilogue:matmulEpilogue']);
  });
  it('leave a product alone that somebody else reads', () => {
    const build = () => {
      const y = matmul(x(), input('w', matrix));
      return { z: add(y, bias()), y };
    };
    expect(stepsOf(build)).toEqual(['matmul:matmul', 'fused:add']);
  });
  it('take the bias alone where GELU is not the only reader', () => {
    const build = () => {
      const y = add(matmul(x(), input('w', matrix)), bias());
      return { z: gelu(y), y };
    };
    expect(stepsOf(build)).toEqual(['matmulEpilogue:matmulEpilogue', 'fused:gelu']);
  });
  it('leave the bias to a pass over memory that several readers share', () => {
    const build = () => {
      const y = add(matmul(x(), input('w', matrix)), bias());
      return { z: gelu(y), t: tanh(y) };
    };
    expect(stepsOf(build)).toEqual(['matmul:matmul', 'fused:add+gelu+tanh']);
  });
});

it('results take over the memory of operands of their own dtype only', () => {
  const kept = planOf(() => ({ y: neg(x()) }));
  expect(kept.steps[0]?.outputs).toEqual(kept.steps[0]?.inputs);
  const cast = planOf(() => ({ y: castToI32(x()) }));
  expect(cast.steps[0]?.outputs).not.toEqual(cast.steps[0]?.inputs);
});

describe('variables', () => {
  const [a, b] = [stateVariable('a', [4, 4]), stateVariable('b', [4, 4])];
  const places = (plan: Plan<Recorded>) =>
    plan.steps.map(({ outputs }) =>
      outputs.map((place) => (place?.space === 'variable' ? place.variable.name : place?.space)),
    );
  it('are updated in place when nobody needs the old content later', () => {
    const plan = planOf(() => {
      assign(a, add(read(a), x()));
      return { total: sum(read(a)) };
    });
    expect(places(plan)).toEqual([['a'], ['arena']]);
  });
  it('keep their old content until its last reader', () => {
    const plan = planOf(() => {
      const old = read(a);
      assign(a, add(old, x()));
      return { y: matmul(old, read(a)) };
    });
    expect(names(plan)).toEqual(['fused:add', 'matmul:matmul', 'fused:copy']);
    expect(places(plan)).toEqual([['arena'], ['arena'], ['a']]);
  });
  it('are not overwritten while the same kernel reads them transposed', () => {
    const plan = planOf(() => {
      assign(a, add(read(a), transpose(read(a), [1, 0])));
      return {};
    });
    expect(places(plan).at(-1)).toEqual(['a']);
    expect(plan.steps).toHaveLength(2);
  });
  it('are updated in place by an operation with several such results', () => {
    const both: Operation = {
      name: 'both',
      infer: (inputs) => inputs.slice(0, 2),
      inPlace: () => [
        { result: 0, operand: 0 },
        { result: 1, operand: 1 },
      ],
    };
    const planned = (first: Value, second: Value) => {
      const [newA, newB] = applyOperation(both, [first, second], {}) as [Value, Value];
      assign(a, newA);
      assign(b, newB);
      return {};
    };
    expect(places(planOf(() => planned(read(a), read(b))))).toEqual([['a', 'b']]);
    // Each result would overwrite what the other one's kernel still reads.
    expect(places(planOf(() => planned(read(b), read(a)))).length).toBe(3);
  });
  it('can be swapped', () => {
    const plan = planOf(() => {
      const [oldA, oldB] = [read(a), read(b)];
      assign(a, oldB);
      assign(b, oldA);
      return {};
    });
    const readers = plan.steps.map(({ inputs }) =>
      inputs.map((place) => (place.space === 'variable' ? place.variable.name : place.space)).join(),
    );
    expect(plan.steps.length).toBeGreaterThanOrEqual(3);
    expect(readers.filter((name) => name === 'a' || name === 'b')).toHaveLength(2);
  });
});

it('lets a result take over an operand that dies', () => {
  const plan = planOf(() => {
    const v = x();
    return { y: matmul(tanh(matmul(v, v)), v) };
  });
  const [product, activation] = plan.steps;
  expect(activation?.outputs[0]).toEqual(product?.outputs[0]);
});

it('says which operation has no kernel and no decomposition', () => {
  const operation: Operation = { name: 'nobody-has-this', infer: ([type]) => (type ? [type] : []) };
  expect(() => planOf(() => ({ y: applySingle(operation, [x()], {}) }))).toThrow(
    /nobody-has-this.*the recorder backend has no kernel for it and it has no decomposition/,
  );
});

it('uses a decomposition where there is no kernel', () => {
  const operation: Operation = {
    name: 'double',
    infer: ([type]) => (type ? [type] : []),
    decompose: ([v]) => [add(v as Value, v as Value)],
  };
  expect(names(planOf(() => ({ y: applySingle(operation, [x()], {}) })))).toEqual(['fused:add']);
});

it('explains every kernel with its bytes and place', () => {
  const text = explainPlan(
    planOf(() => {
      const v = x();
      return { y: matmul(tanh(v), v) };
    }),
  );
  expect(text).toMatch(/0 fused\(tanh\) {2}reads 64 B writes 64 B/);
  expect(text).toContain('1 matmul  reads 128 B writes 64 B operations 128');
  expect(text).toContain('total 2 calls');
});
