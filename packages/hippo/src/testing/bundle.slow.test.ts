// What a page has to load: the whole library bundled by Vite, minified and compressed. The core has a budget, and opening one backend
// must not load the kernels of another.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { beforeAll, expect, it } from 'vitest';

/** Bytes after gzip. */
const budgets = {
  /** Everything that the library's entry exports, and the WebGPU backend. */
  core: 120_000,
  /** The wasm backend on top of it: one build of its kernels, as base64. */
  wasm: 75_000,
} as const;

type Chunk = Rolldown.OutputChunk;
const chunks = new Map<string, Chunk>();

beforeAll(async () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const result = await build({
    root,
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['source'] },
    build: {
      write: false,
      target: 'es2022',
      rolldownOptions: { input: `${root}index.ts`, preserveEntrySignatures: 'strict' },
    },
  });
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((part) => ('output' in part ? part.output : []));
  for (const output of outputs) if (output.type === 'chunk') chunks.set(output.fileName, output);
});

/** A chunk and all that it imports when it is loaded. */
function loadedWith(start: Chunk, found = new Set<Chunk>()): ReadonlySet<Chunk> {
  if (found.has(start)) return found;
  found.add(start);
  for (const name of start.imports) {
    const chunk = chunks.get(name);
    if (chunk) loadedWith(chunk, found);
  }
  return found;
}

const chunkOf = (path: string): Chunk => {
  const found = [...chunks.values()].find(({ moduleIds }) => moduleIds.some((id) => id.endsWith(path)));
  if (!found) throw new Error(`no chunk has ${path}`);
  return found;
};
const compressed = (loaded: Iterable<Chunk>): number =>
  [...loaded].reduce((sum, { code }) => sum + gzipSync(code).length, 0);
const modulesOf = (loaded: Iterable<Chunk>): readonly string[] => [...loaded].flatMap(({ moduleIds }) => moduleIds);

it('the core keeps to its budget, with the backend for GPUs and without tables and kernels of others', () => {
  const core = loadedWith(chunkOf('/src/index.ts'));
  const webgpu = loadedWith(chunkOf('/backends/webgpu/backend.ts'));
  const page = new Set([...core, ...webgpu]);
  console.info(`bundle, gzipped: core ${compressed(core)} bytes, with WebGPU ${compressed(page)}`);
  expect(compressed(page)).toBeLessThan(budgets.core);
  const tables = /bpeRanks|\.generated\.ts|\/backends\/(wasm|reference)\/(kernel|backend)/;
  expect(modulesOf(page).filter((id) => tables.test(id))).toEqual([]);
  expect(modulesOf(core).filter((id) => id.includes('/backends/webgpu/'))).toEqual([]);
});

it('the wasm backend keeps to its budget and brings no shaders', () => {
  const core = loadedWith(chunkOf('/src/index.ts'));
  const own = new Set([
    ...loadedWith(chunkOf('/backends/wasm/backend.ts')),
    ...loadedWith(chunkOf('kernels-relaxed.generated.ts')),
  ]);
  for (const chunk of core) own.delete(chunk);
  expect(own).not.toContain(chunkOf('kernels-plain.generated.ts'));
  console.info(`bundle, gzipped: WebAssembly kernels ${compressed(own)} bytes`);
  expect(compressed(own)).toBeLessThan(budgets.wasm);
  expect(modulesOf(own).filter((id) => /\/backends\/(webgpu|reference)\//.test(id))).toEqual([]);
});

it('nothing of Node is bundled', () => {
  for (const { code } of chunks.values()) expect(code).not.toMatch(/from\s*["']node:|__vite-browser-external/);
});
