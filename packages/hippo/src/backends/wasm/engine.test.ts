import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { afterEach, describe, expect, it } from 'vitest';
import { openEngine, type WasmEngine } from './engine.ts';
import { createHeap } from './engine-heap.ts';
import type { KernelCall } from './kernels/call.ts';

const open: WasmEngine[] = [];
async function engineWith(threads: number): Promise<WasmEngine> {
  const engine = await openEngine({ threads });
  open.push(engine);
  return engine;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.dispose()));
});

const words = (engine: WasmEngine, address: number, count: number): number[] => [
  ...new Uint32Array(engine.memory.buffer, address, count),
];
const fill = (address: number, count: number, value: number, parts?: 1): KernelCall => ({
  entry: 'fill',
  words: [address, count, value],
  ...(parts && { parts }),
});

describe.each([1, 2, 3])('the engine with %i threads', (threads) => {
  it('runs no call, one call, and calls after one another in order', async () => {
    const engine = await engineWith(threads);
    const a = engine.allocate(4000);
    engine.run(engine.load([]));
    const one = engine.load([fill(a, 1, 7)]);
    engine.run(one);
    expect(words(engine, a, 1)).toEqual([7]);
    // Overlapping ranges: any call that overtook another would leave its value behind.
    for (let round = 0; round < 200; round++) {
      const calls = Array.from({ length: 20 }, (_, i) => fill(a, 1000 - i, round * 20 + i));
      const plan = engine.load(calls);
      engine.run(plan);
      engine.unload(plan);
      const want = Array.from({ length: 1000 }, (_, i) => round * 20 + Math.min(19, 999 - i));
      expect(words(engine, a, 1000)).toEqual(want);
    }
  });

  it('orders calls of one part among shared ones', async () => {
    const engine = await engineWith(threads);
    const a = engine.allocate(4096);
    const plan = engine.load(
      Array.from({ length: 300 }, (_, i) => fill(a, 1024 - i, i + 1, i % 7 < 3 ? 1 : undefined)),
    );
    for (let round = 0; round < 50; round++) {
      new Uint32Array(engine.memory.buffer, a, 1024).fill(0);
      engine.run(plan);
      expect(words(engine, a, 1024)).toEqual(Array.from({ length: 1024 }, (_, i) => Math.min(300, 1024 - i)));
    }
  });

  it('runs a range of calls', async () => {
    const engine = await engineWith(threads);
    const a = engine.allocate(64);
    const plan = engine.load([0, 1, 2, 3].map((i) => fill(a + 4 * i, 1, 9)));
    new Uint32Array(engine.memory.buffer, a, 4).fill(0);
    engine.run(plan, 1, 3);
    expect(words(engine, a, 4)).toEqual([0, 9, 9, 0]);
    engine.run(plan, 2, 2);
    engine.run(plan, 3);
    expect(words(engine, a, 4)).toEqual([0, 9, 9, 9]);
    expect(() => engine.run(plan, 0, 5)).toThrow(/the plan has 4 calls; got the range \[0, 5\)/);
  });

  it('wakes workers that fell asleep', async () => {
    const engine = await engineWith(threads);
    const a = engine.allocate(64 * 1024);
    const plan = engine.load([fill(a, 16384, 3)]);
    for (let round = 0; round < 5; round++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      new Uint32Array(engine.memory.buffer, a, 16384).fill(0);
      engine.run(plan);
      expect(new Set(words(engine, a, 16384))).toEqual(new Set([3]));
    }
  });

  it('turns a trap into an error, and can be disposed of', async () => {
    const engine = await engineWith(threads);
    const outside = 0xfff00000;
    const plan = engine.load([fill(outside, 100000, 1)]);
    expect(() => engine.run(plan)).toThrow(expect.objectContaining({ code: 'kernel-trap' }));
    expect(() => engine.run(plan)).toThrow(expect.objectContaining({ code: 'kernel-trap' }));
  });

  it('refuses everything after dispose', async () => {
    const engine = await engineWith(threads);
    await engine.dispose();
    await engine.dispose();
    for (const use of [
      () => engine.allocate(4),
      () => engine.load([]),
      () => engine.free(0),
      () => engine.allocatedBytes,
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'engine-closed' }));
    }
  });
});

describe('the engine', () => {
  it('grows its memory and keeps what was in it', async () => {
    const engine = await engineWith(2);
    const small = engine.allocate(4);
    new Uint32Array(engine.memory.buffer, small, 1)[0] = 42;
    const big = engine.allocate(50 * 2 ** 20);
    expect(big % 64).toBe(0);
    expect(words(engine, small, 1)).toEqual([42]);
    engine.run(engine.load([fill(big, 12.5 * 2 ** 20, 5)])); // worker threads see the growth too
    expect(words(engine, big + 50 * 2 ** 20 - 4, 1)).toEqual([5]);
    engine.free(big);
    expect(engine.allocate(40 * 2 ** 20)).toBe(big);
  });

  it('says how much was asked when memory ends', async () => {
    const engine = await engineWith(1);
    const before = engine.allocatedBytes;
    expect(() => engine.allocate(5 * 2 ** 30)).toThrow(/got a request for 5120.0 MiB/);
    expect(engine.allocatedBytes).toBe(before);
    engine.allocate(64);
  });

  it('names an unknown kernel and refuses bad thread numbers', async () => {
    const engine = await engineWith(1);
    expect(() => engine.load([{ entry: 'nope', words: [] }])).toThrow(/got "nope"/);
    await expect(openEngine({ threads: 0 })).rejects.toThrow(/from 1 to 256; got 0/);
  });

  it('lets a Node process end that never disposes of it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hippo-engine-'));
    try {
      for (const file of [
        'engine',
        'engine-heap',
        'engine-options',
        'engine-workers',
        'module',
        'wide-vectors',
        'kernels-plain.generated',
        'kernels-relaxed.generated',
        '../../errors',
      ]) {
        const source = readFileSync(new URL(`${file}.ts`, import.meta.url), 'utf8');
        const target = join(folder, 'backends/wasm', `${file}.js`);
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, transpileModule(source, { compilerOptions }).outputText);
      }
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
      writeFileSync(join(folder, 'main.js'), program);
      const output = execFileSync(process.execPath, [join(folder, 'main.js')], { timeout: 20_000, encoding: 'utf8' });
      expect(output).toBe('77\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const compilerOptions = {
  target: ScriptTarget.ES2022,
  module: ModuleKind.ESNext,
  rewriteRelativeImportExtensions: true,
  verbatimModuleSyntax: true,
};
const program = `import { openEngine } from './backends/wasm/engine.js';
const engine = await openEngine({ threads: 3 });
const a = engine.allocate(4000);
engine.run(engine.load([{ entry: 'fill', words: [a, 1000, 77] }]));
console.log(new Uint32Array(engine.memory.buffer, a, 1000)[999]);`;

describe('the heap', () => {
  const heapOf = (end: number, limit = end) =>
    createHeap(64, { end, limit, grow: (wanted) => Math.ceil(wanted / 1024) * 1024 });

  it('gives the smallest block that fits, and joins neighbours', () => {
    const heap = heapOf(64 + 64 * 16);
    const [a, b, c, d] = [128, 64, 256, 64].map((bytes) => heap.allocate(bytes));
    expect([a, b, c, d]).toEqual([64, 192, 256, 512]);
    heap.free(a!);
    heap.free(c!);
    expect(heap.allocate(65)).toBe(64); // 128 bytes fit best where 128 are free
    expect(heap.allocate(1)).toBe(256);
    heap.free(64);
    heap.free(256);
    heap.free(b!);
    expect(heap.allocate(448)).toBe(64); // all three and the rest joined
    heap.free(64);
    heap.free(d!);
    expect(heap.allocatedBytes).toBe(0);
    expect(heap.allocate(1024)).toBe(64);
  });

  it('grows by what is missing at the end, and no further than the limit', () => {
    const heap = heapOf(1024, 4096);
    expect(heap.allocate(2000)).toBe(64);
    expect(() => heap.allocate(4096)).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
    expect(heap.allocate(1000)).toBe(64 + 2048);
  });

  it('never hands out overlapping blocks', () => {
    const heap = heapOf(4096, 2 ** 30);
    const used = new Map<number, number>();
    let seed = 1;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % n;
    };
    for (let i = 0; i < 3000; i++) {
      if (used.size > 0 && random(100) < 48) {
        const address = [...used.keys()][random(used.size)]!;
        heap.free(address);
        used.delete(address);
        continue;
      }
      const bytes = 1 + random(5000);
      const address = heap.allocate(bytes);
      const clash = [...used].find(([other, size]) => address < other + size && other < address + bytes);
      expect(clash).toBe(undefined);
      used.set(address, bytes);
    }
    for (const address of used.keys()) heap.free(address);
    expect(heap.allocatedBytes).toBe(0);
    expect(() => heap.free(64)).toThrow(/only a block in use can be freed; got address 64/);
  });
});
