// What a page has to load: the whole library bundled by Vite, minified and compressed. The core has a budget, and opening one backend
// must not load the kernels of another.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { beforeAll, expect, it } from 'vitest';

/** Bytes after gzip. */
const budgets = {
  /** Everything that the library's entry exports, before a backend is opened. */
  core: 120_000,
  /** The wasm backend on top of it: one build of its kernels, as base64. */
  wasm: 80_000,
  /** The WebGPU backend on top of it: the generators of its shaders. */
  webgpu: 70_000,
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

/** What opening a backend loads besides the core. */
function kernelsOf(...paths: readonly string[]): ReadonlySet<Chunk> {
  const core = loadedWith(chunkOf('/src/index.ts'));
  const loaded = new Set(paths.flatMap((path) => [...loadedWith(chunkOf(path))]));
  for (const chunk of core) loaded.delete(chunk);
  return loaded;
}

it('the core keeps to its budget, without tables of tokenizers and without kernels', () => {
  const core = loadedWith(chunkOf('/src/index.ts'));
  console.info(`bundle, gzipped: core ${compressed(core)} bytes`);
  expect(compressed(core)).toBeLessThan(budgets.core);
  const others = /bpeRanks|\.generated\.ts|\/backends\/\w+\/(kernel|backend)/;
  expect(modulesOf(core).filter((id) => others.test(id))).toEqual([]);
});

it.each([
  {
    backend: 'wasm',
    what: 'WebAssembly',
    loads: ['/backends/wasm/backend.ts', 'kernels-relaxed.generated.ts'],
    others: ['webgpu', 'reference'],
  },
  { backend: 'webgpu', what: 'shaders', loads: ['/backends/webgpu/backend.ts'], others: ['wasm', 'reference'] },
] as const)(
  'a backend with $what keeps to its budget and brings no kernels of others',
  ({ backend, loads, others }) => {
    const own = kernelsOf(...loads);
    console.info(`bundle, gzipped: ${backend} ${compressed(own)} bytes`);
    expect(compressed(own)).toBeLessThan(budgets[backend]);
    expect(own).not.toContain(chunkOf('kernels-plain.generated.ts'));
    for (const other of others) expect(modulesOf(own).filter((id) => id.includes(`/backends/${other}/`))).toEqual([]);
  },
);

it('nothing of Node is bundled', () => {
  for (const { code } of chunks.values()) expect(code).not.toMatch(/from\s*["']node:|__vite-browser-external/);
});
