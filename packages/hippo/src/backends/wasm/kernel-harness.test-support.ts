// Runs one kernel on one thread, for the kernels' own tests: allocates, fills, calls every part in turn, reads back.
import { compileKernels } from './module.ts';

export interface KernelHarness {
  /** Copies data into the kernels' memory (16-byte aligned) and returns its address. */
  put(data: Float32Array | Int32Array | Uint32Array): number;
  /** Reserves `count` 32-bit words, filled with NaN so that an unwritten word shows. */
  reserve(count: number): number;
  floats(address: number, count: number): Float32Array;
  integers(address: number, count: number): Int32Array;
  /** Calls the kernel once per part; numbers are unsigned words, `{ real }` floats. */
  call(kernel: string, words: readonly (number | { readonly real: number })[], parts?: number): void;
}

export async function kernelHarness(options: { readonly relaxed?: boolean } = {}): Promise<KernelHarness> {
  const { module } = await compileKernels({ ...options, shared: true });
  const memory = new WebAssembly.Memory({ initial: 4096, maximum: 65536, shared: true });
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  let top = 1 << 20;
  const take = (bytes: number): number => {
    const address = top;
    top += (bytes + 15) & ~15;
    if (top > memory.buffer.byteLength) memory.grow(Math.ceil((top - memory.buffer.byteLength) / 65536) + 16);
    return address;
  };
  const put = (data: Float32Array | Int32Array | Uint32Array): number => {
    const address = take(data.byteLength);
    new Uint8Array(memory.buffer, address, data.byteLength).set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
    return address;
  };
  return {
    put,
    reserve: (count) => put(new Float32Array(count).fill(Number.NaN)),
    floats: (address, count) => new Float32Array(memory.buffer, address, count).slice(),
    integers: (address, count) => new Int32Array(memory.buffer, address, count).slice(),
    call(kernel, words, parts = 1) {
      const block = new DataView(new ArrayBuffer(words.length * 4));
      words.forEach((w, i) => {
        if (typeof w === 'number') block.setUint32(i * 4, w, true);
        else block.setFloat32(i * 4, w.real, true);
      });
      const args = put(new Uint32Array(block.buffer));
      const run = instance.exports[kernel] as (args: number, part: number, parts: number) => void;
      for (let part = 0; part < parts; part++) run(args, part, parts);
    },
  };
}
