import { describe, expect, it } from 'vitest';
import { permuted } from './permutation.ts';

const order = (size: number, epoch = 0, key: readonly [number, number] = [1, 2]): number[] =>
  Array.from({ length: size }, (_, i) => permuted(i, { size, key, epoch }));

describe('permuted', () => {
  it.each([1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000])('puts each of %i numbers in one place', (size) => {
    expect(order(size).sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
  });

  it('depends on epoch and key', () => {
    const orders = [order(20), order(20, 1), order(20, 0, [2, 2]), order(20, 0, [1, 3])];
    expect(new Set(orders.map(String)).size).toBe(4);
  });

  it('sends the first number everywhere, about equally often', () => {
    const seen = new Array<number>(10).fill(0);
    for (let epoch = 0; epoch < 2000; epoch++) seen[permuted(0, { size: 10, key: [7, 0], epoch })]! += 1;
    const chiSquared = seen.reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0);
    expect(chiSquared).toBeLessThan(27.9); // the 0.1 % point for 9 degrees of freedom
  });
});
