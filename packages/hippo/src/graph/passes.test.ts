// Simplify, share, prune, verify and print.
import { describe, expect, it } from 'vitest';
import { VerifyError } from '../errors.ts';
import { scatterAddRowsOperation } from '../ops/embedding.ts';
import { add, gradient, mul, neg, reshape, square, sub, sum, tanh, transpose } from '../ops/index.ts';
import type { Graph } from './graph.ts';
import { printGraph } from './print.ts';
import { prune } from './prune.ts';
import { share } from './share.ts';
import { simplify } from './simplify.ts';
import { applySingle, assign, input, read, traceGraph } from './trace.ts';
import type { Value } from './value.ts';
import { stateVariable } from './variable.ts';
import { verify } from './verify.ts';

const trace = (build: (x: Value) => Value): Graph =>
  traceGraph(() => ({ y: build(input('x', { shape: [2, 3], dtype: 'f32' })) }), { captureSource: false });
const optimised = (build: (x: Value) => Value): string => {
  const graph = prune(share(simplify(trace(build))));
  verify(graph);
  return printGraph(graph);
};

describe('simplify', () => {
  it.each<[string, (x: Value) => Value]>([
    ['x + 0', (x) => add(x, 0)],
    ['1 · x', (x) => mul(1, x)],
    ['−−x', (x) => neg(neg(x))],
    ['transpose twice', (x) => transpose(transpose(x, [1, 0]), [1, 0])],
    ['reshape there and back', (x) => reshape(reshape(x, [6]), [2, 3])],
    ['folded constants', (x) => add(x, sub(add(1, 2), 3))],
  ])('%s is x', (_, build) => {
    expect(optimised(build)).toBe('%0: f32[2, 3] = input() {name: x}\nreturn y = %0');
  });
  describe('of a sum with an embedding gradient', () => {
    const rows = (readTwice: boolean): string => {
      const graph = traceGraph(
        () => {
          const base = input('base', { shape: [5, 3], dtype: 'f32' });
          const ids = input('ids', { shape: [2], dtype: 'i32' });
          const values = input('values', { shape: [2, 3], dtype: 'f32' });
          const scattered = applySingle(scatterAddRowsOperation, [ids, values], { rows: 5 });
          return { y: add(base, scattered), ...(readTwice ? { z: neg(scattered) } : {}) };
        },
        { captureSource: false },
      );
      return printGraph(prune(share(simplify(graph))));
    };
    it('adds to the base where nothing else reads the rows', () => {
      expect(rows(false)).toContain('scatterAddRows(%1, %2, %0)');
      expect(rows(false)).not.toContain('add(');
    });
    it('stays a sum where something does', () => {
      expect(rows(true)).toContain('scatterAddRows(%1, %2)');
      expect(rows(true)).toContain('add(');
    });
  });
  it('keeps what could hide a NaN', () => {
    expect(optimised((x) => mul(x, 0))).toContain('mul');
    expect(optimised((x) => sub(x, x))).toContain('sub');
  });
});

it('share makes equal nodes one, prune drops what nobody needs', () => {
  const text = optimised((x) => {
    tanh(add(x, 7));
    return add(tanh(x), tanh(x));
  });
  expect(text).toBe(
    '%0: f32[2, 3] = input() {name: x}\n%1: f32[2, 3] = tanh(%0)\n%2: f32[2, 3] = add(%1, %1)\nreturn y = %2',
  );
});

it('prints a training step in a stable way', () => {
  const weight = stateVariable('weight', [3]);
  const graph = traceGraph(
    () => {
      const loss = sum(square(mul(input('x', { shape: [2, 3], dtype: 'f32' }), read(weight))));
      const [slope] = gradient(loss, [read(weight)]);
      assign(weight, sub(read(weight), mul(0.1, slope as Value)));
      return { loss };
    },
    { captureSource: false },
  );
  expect(printGraph(prune(share(simplify(graph))))).toMatchInlineSnapshot(`
    "%0: f32[2, 3] = input() {name: x}
    %1: f32[3] = variable() {variable: "weight"}
    %2: f32[2, 3] = mul(%0, %1)
    %3: f32[2, 3] = mul(%2, %2)
    %4: f32[] = sum(%3) {axis: 0, count: 2}
    %5: f32[] = constant() {fill: 1}
    %6: f32[1, 1] = reshape(%5) {shape: [1, 1]}  # (gradient)
    %7: f32[2, 3] = broadcastTo(%6) {shape: [2, 3]}  # (gradient)
    %8: f32[2, 3] = mul(%7, %2)  # (gradient)
    %9: f32[2, 3] = add(%8, %8)  # (gradient)
    %10: f32[2, 3] = mul(%9, %0)  # (gradient)
    %11: f32[3] = sum(%10) {axis: 0, count: 1}  # (gradient)
    %12: f32[] = constant() {fill: 0.1}
    %13: f32[3] = mul(%12, %11)
    %14: f32[3] = sub(%1, %13)
    return loss = %4
    assign weight = %14"
  `);
});

describe('verify', () => {
  it('accepts what tracing makes', () => {
    expect(() => verify(trace((x) => square(x)))).not.toThrow();
  });
  it('finds a value used before it is made', () => {
    const graph = trace((x) => square(x));
    expect(() => verify({ ...graph, nodes: [...graph.nodes].reverse() }, 'shuffle')).toThrow(VerifyError);
    expect(() => verify({ ...graph, nodes: graph.nodes.slice(0, 1) })).toThrow('output "y" is not made by any node');
  });
  it('finds a result whose type its rule does not give', () => {
    const graph = trace((x) => square(x));
    const last = graph.nodes[graph.nodes.length - 1];
    Object.assign(last?.outputs[0] ?? {}, { shape: [9] });
    expect(() => verify(graph, 'broken')).toThrow('after broken: mul: result 0 is f32[9], its rule gives f32[2, 3]');
  });
});
