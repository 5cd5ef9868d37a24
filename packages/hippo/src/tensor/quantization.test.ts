// Packing weights: what comes back is at most half a step from what went in, in the layout that the kernels read.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dequantizeRows, type QuantizedBits, quantizeRows, rowBytes, rowWords, scaleAt } from './quantization.ts';

/** Half a step for each number, by the definition of the scales, with 1 in 128 for the rounding of a bf16 scale. */
function halfSteps(data: Float32Array, inputs: number, bits: QuantizedBits): Float64Array {
  const size = bits === 8 ? inputs : 32;
  return Float64Array.from(data, (_, at) => {
    const row = Math.floor(at / inputs) * inputs;
    const from = row + Math.floor((at - row) / size) * size;
    const group = data.subarray(from, Math.min(from + size, row + inputs));
    const [most, least] = [Math.max(0, ...group), Math.min(0, ...group)];
    if (bits === 8) return Math.max(most, -least) / 254;
    const step = Math.min(Math.max(-least / 8, most / 7.5), Math.max(most / 8, -least / 7.5));
    return (step * (1 + 1 / 128)) / 2;
  });
}

describe.each([8, 4] as const)('%i bits', (bits) => {
  it('come back at most half a step away', () => {
    const numbers = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e3, max: 1e3 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.infiniteStream(numbers), (inputs, stream) => {
        const data = Float32Array.from({ length: 2 * inputs }, () => stream.next().value ?? 0);
        const back = dequantizeRows(quantizeRows(data, { bits, inputs }, 'w'), { bits, inputs });
        const bound = halfSteps(data, inputs, bits);
        return data.every(
          (value, i) => Math.abs((back[i] ?? Number.NaN) - value) <= (bound[i] ?? 0) * (1 + 1e-5) + 1e-38,
        );
      }),
      { numRuns: 60 },
    );
  });

  it('keep zeros, and numbers that are multiples of the step', () => {
    const inputs = 70;
    const data = Float32Array.from({ length: inputs }, (_, i) => (i % 32 === 0 ? -8 : (i % 16) - 8));
    const exact = bits === 8 ? data.map((value) => (value === -8 ? -127 : value)) : data;
    const words = quantizeRows(exact, { bits, inputs }, 'w');
    expect([...dequantizeRows(words, { bits, inputs })]).toEqual([...exact]);
    expect(dequantizeRows(quantizeRows(new Float32Array(inputs), { bits, inputs }, 'w'), { bits, inputs })).toEqual(
      new Float32Array(inputs),
    );
  });

  it('refuse what no scale can hold', () => {
    expect(() => quantizeRows(Float32Array.of(1, Number.NaN), { bits, inputs: 2 }, 'head')).toThrow(
      'quantize: tensor "head" must hold finite numbers; got NaN at element 1. Use a checkpoint without it.',
    );
  });
});

it('4 bits take a step of an eighth on the longer side', () => {
  const matrix = { bits: 4, inputs: 32 } as const;
  const sample = (extreme: number): Float32Array =>
    Float32Array.from({ length: 32 }, (_, i) => (i === 5 ? extreme : 0.25));
  for (const extreme of [8, -8])
    expect(dequantizeRows(quantizeRows(sample(extreme), matrix, 'w'), matrix)[5]).toBe(extreme);
});

it('rows have the bytes that the layout says', () => {
  expect([rowBytes({ bits: 8, inputs: 768 }), scaleAt(768)]).toEqual([784, 768]);
  expect(rowBytes({ bits: 4, inputs: 768 })).toBe(432);
  expect(rowWords({ bits: 4, inputs: 1 })).toBe(20);
  // Three rows of 64: a pair and a lone one. Input 37 is number 5 of group 1: byte 4·1 + 1 of the first piece, high half; the offset is 8.
  const data = new Float32Array(3 * 64);
  for (const row of [0, 1, 2]) data[row * 64 + 37] = -1 - row;
  const bytes = new Uint8Array(quantizeRows(data, { bits: 4, inputs: 64 }, 'w').buffer);
  expect(bytes.length).toBe(3 * 80);
  const [pair, lone] = [16, 160 + 16];
  expect([bytes[pair + 5], bytes[pair + 16 + 5], bytes[pair + 32 + 5], bytes[lone + 5]]).toEqual([
    0x08, 0x08, 0x88, 0x08,
  ]);
  const scales = new DataView(bytes.buffer);
  expect([2, 8 + 2, 160 + 2].map((at) => scales.getUint16(at, true))).toEqual([0x3e00, 0x3e80, 0x3ec0]); // ⅛, ¼, ⅜
});
