import { describe, expect, it } from 'vitest';
import { normals, philox4x32, uniforms } from './philox.ts';

const hex = (words: readonly number[]): string => words.map((word) => word.toString(16).padStart(8, '0')).join(' ');

describe('philox4x32', () => {
  it('gives the published words for a counter and key of zeros and of ones', () => {
    expect(hex(philox4x32([0, 0, 0, 0], [0, 0]))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    const ones = 0xffffffff;
    expect(hex(philox4x32([ones, ones, ones, ones], [ones, ones]))).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd');
  });

  it('takes words as unsigned or signed', () => {
    expect(philox4x32([-1, -1, -1, -1], [-1, -1])).toEqual(
      philox4x32([2 ** 32 - 1, -1, 2 ** 32 - 1, -1], [2 ** 32 - 1, -1]),
    );
  });
});

describe('draws', () => {
  const options = { key: [11, 22], stream: 33, counter: 44 } as const;

  it('put word j of counter i at element 4i + j, cut at any count', () => {
    const all = uniforms(13, options);
    expect(all[9]).toBe((philox4x32([2, 33, 44, 0], [11, 22])[1] >>> 8) / 2 ** 24);
    for (const count of [0, 1, 5, 12]) {
      expect(uniforms(count, options)).toEqual(all.slice(0, count));
      expect(normals(count, options)).toEqual(normals(13, options).slice(0, count));
    }
  });

  it('differ in everything that they depend on', () => {
    const others = [{ key: [12, 22] }, { key: [11, 23] }, { stream: 34 }, { counter: 45 }] as const;
    const seen = new Set(
      [options, ...others.map((other) => ({ ...options, ...other }))].map((draw) => uniforms(4, draw).join()),
    );
    expect(seen.size).toBe(5);
  });

  it('are spread evenly, and normally', () => {
    const [count, bins] = [64_000, new Array<number>(16).fill(0)];
    for (const value of uniforms(count, options)) bins[Math.floor(value * 16)]! += 1;
    const chiSquared = bins.reduce((sum, seen) => sum + (seen - count / 16) ** 2 / (count / 16), 0);
    expect(chiSquared).toBeLessThan(37.7); // the 0.1 % point for 15 degrees of freedom
    const x = normals(count, options);
    const mean = x.reduce((a, b) => a + b, 0) / count;
    expect(Math.abs(mean)).toBeLessThan(0.015);
    expect(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count).toBeCloseTo(1, 1.5);
  });
});
