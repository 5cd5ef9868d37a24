import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { compileLimitKernels, limitModule } from './limit-kernels.ts';
import { roofline } from './machine.ts';

setFlagsFromString('--experimental-wasm-relaxed-simd'); // behind a flag in Node 20

describe('the kernels of the machine limits', () => {
  it('are a valid module', () => {
    expect(WebAssembly.validate(limitModule(1))).toBe(true);
  });

  it('multiply and add in every chain', async () => {
    const { multiplyAdd } = await compileLimitKernels(1);
    // Twelve chains, four steps of + 0.5·0.5 a round.
    expect(multiplyAdd(1)).toBe(12 * 4 * 0.25);
    expect(multiplyAdd(10)).toBe(10 * 12 * 4 * 0.25);
  });

  it('read every vector once, and copy', async () => {
    const { read, copy, memory } = await compileLimitKernels(2);
    const floats = new Float32Array(memory.buffer);
    for (let i = 0; i < 1024; i++) floats[i] = i % 4 === 0 ? i / 4 : 0;
    expect(read(4096)).toBe((255 * 256) / 2);
    copy(65536, 0, 4096);
    expect(floats.slice(16384, 16384 + 1024)).toEqual(floats.slice(0, 1024));
  });
});

describe('roofline', () => {
  const limits = { threads: 1, gflops: 50, readGigabytes: 30, cachedGigabytes: 80, copyGigabytes: 30 };
  it('is arithmetic, or reading from memory or from the cache', () => {
    expect(roofline({ operations: 1e9, bytes: 1e6 }, limits)).toBe(50);
    expect(roofline({ operations: 1e8, bytes: 2e8 }, limits)).toBe(15);
    expect(roofline({ operations: 5e6, bytes: 1e7 }, limits)).toBe(40);
  });
});
