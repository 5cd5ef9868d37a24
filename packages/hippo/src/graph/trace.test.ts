// Errors of tracing say who, where, the rule and what was got.
import { describe, expect, it } from 'vitest';
import { TraceError } from '../errors.ts';
import { add, concat, gradient, matmul, mul, reshape, slice, sum } from '../ops/index.ts';
import { assign, input, read, traceGraph, within } from './trace.ts';
import { stateVariable } from './variable.ts';

const f32 = (...shape: number[]) => ({ shape, dtype: 'f32' as const });
const message = (build: () => void): string => {
  try {
    traceGraph(() => {
      build();
      return undefined;
    });
  } catch (error) {
    expect(error).toBeInstanceOf(TraceError);
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
};

describe('rules at trace time', () => {
  it('names operation, module path, source line, rule and shapes', () => {
    const text = message(() =>
      within('layers.3', () => within('mixer', () => matmul(input('a', f32(2, 3)), input('b', f32(4, 5))))),
    );
    expect(text).toMatch(
      /^matmul in layers\.3\.mixer \(graph\/trace\.test\.ts:\d+\): inner sizes must agree; got \[2, 3\] × \[4, 5\] \(3 and 4\)\.$/,
    );
  });
  it('finds the source line long after the node was made, and gives it to the gradient too', () => {
    const { nodes } = traceGraph(() => {
      const a = input('a', f32(3));
      const loss = sum(mul(a, a));
      return { y: gradient(loss, [a])[0] ?? a };
    });
    expect(nodes.length).toBeGreaterThan(3);
    for (const { origin } of nodes) expect(origin.source).toMatch(/^graph\/trace\.test\.ts:\d+$/);
    expect(nodes.some(({ origin }) => origin.path === '(gradient)')).toBe(true);
  });
  it('carries the facts as fields', () => {
    try {
      traceGraph(() => ({ y: add(input('a', f32(2)), input('b', f32(3))) }));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'rule', facts: { operation: 'add', shapes: [[2], [3]] } });
    }
  });
  it.each([
    ['dtype', () => add(input('a', { shape: [2], dtype: 'i32' }), 1), 'operand 0 must be f32; got i32'],
    ['reshape', () => reshape(input('a', f32(2, 3)), [7]), 'the number of elements must stay 6'],
    ['slice', () => slice(input('a', f32(4)), [2], [3]), 'must stay inside [4]'],
    [
      'concat',
      () => concat([input('a', f32(2, 3)), input('b', f32(2, 4))], 0),
      'must agree in dtype and in every axis but 0',
    ],
    ['assign', () => assign(stateVariable('w', [2]), input('a', f32(3))), 'variable "w" is f32[2]; got f32[3]'],
    ['input twice', () => [input('a', f32(2)), input('a', f32(2))], 'the name "a" is taken'],
    ['loss', () => gradient(input('a', f32(2)), []), 'must be an f32 scalar; got f32[2]'],
  ])('%s', (_, build, expected) => {
    expect(message(build)).toContain(expected);
  });
  it('refuses operations outside a trace', () => {
    expect(() => add(1, 2)).toThrow('only exist while a function is traced');
  });
});

it('reads after an assignment see the new value', () => {
  const counter = stateVariable('counter', []);
  const graph = traceGraph(() => {
    assign(counter, add(read(counter), 1));
    assign(counter, add(read(counter), 1));
    return { total: sum(read(counter)) };
  });
  expect(graph.nodes.filter(({ operation }) => operation.leaf === 'variable')).toHaveLength(1);
  expect(graph.assignments.get(counter)?.node.operation.name).toBe('add');
});
