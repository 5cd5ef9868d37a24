// The packages as strangers get them: packed, installed in an empty folder, imported in Node, bundled for a browser, types resolved.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hippo-packed-'));
  await run(
    npm,
    ['pack', '--workspace', 'hippo', '--workspace', 'hippo-cli', '--pack-destination', folder, '--silent'],
    { cwd: root },
  );
  const archives = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  expect(archives).toHaveLength(2);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
  await run(npm, ['install', '--no-audit', '--no-fund', '--prefer-offline', ...archives.map((name) => `./${name}`)], {
    cwd: folder,
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const program = `
import { compile, createStore, languageModel, openDevice, ops, scalarOf, tensor } from 'hippo';
const device = await openDevice({ threads: 1 });
const store = createStore(device);
const square = await compile(({ x }) => ({ y: ops.sum(ops.mul(x, x)) }), { store, inputs: { x: { shape: [3], dtype: 'f32' } } });
const { y } = await square({ x: tensor([1, 2, 3], [3]) });
const model = languageModel({ vocab_size: 10, d_model: 8, n_layer: 1 });
globalThis.answer = [scalarOf(y), model.variables.length > 10];
await device.dispose();
`;

it('imports and computes in Node', async () => {
  await writeFile(join(folder, 'main.mjs'), `${program}\nconsole.log(JSON.stringify(globalThis.answer));`);
  const { stdout } = await run(process.execPath, ['main.mjs'], { cwd: folder });
  expect(JSON.parse(stdout)).toEqual([14, true]);
});

it('runs the command', async () => {
  const { stdout } = await run(join(folder, 'node_modules/.bin/hippo'), ['doctor', '--json'], { cwd: folder });
  const { backends } = JSON.parse(stdout);
  expect(backends[0]).toMatchObject({ name: 'wasm', works: true });
  // The optional package was not installed.
  const missing = expect.stringMatching(/^webgpu: Node needs the package "webgpu".*npm install webgpu/);
  expect(backends[1]).toMatchObject({ name: 'webgpu', works: false, description: missing });
});

it('bundles for a browser without anything of Node, and runs as a bundle', async () => {
  await mkdir(join(folder, 'page'), { recursive: true });
  await writeFile(join(folder, 'page/main.js'), program);
  await build({
    root: join(folder, 'page'),
    logLevel: 'error',
    build: {
      target: 'es2022',
      minify: true,
      outDir: join(folder, 'bundle'),
      lib: { entry: 'main.js', formats: ['es'], fileName: 'main' },
    },
  });
  const files = (await readdir(join(folder, 'bundle'), { recursive: true })).filter((name) => name.endsWith('.js'));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, 'bundle', name), 'utf8')));
  for (const text of texts) expect(text).not.toMatch(/from\s*["']node:|__vite-browser-external/);
  const main = files.find((name) => name === 'main.js');
  expect(main).toBeDefined();
  const { stdout } = await run(process.execPath, [
    '--input-type=module',
    '-e',
    `await import(${JSON.stringify(join(folder, 'bundle', 'main.js'))}); console.log(JSON.stringify(globalThis.answer));`,
  ]);
  expect(JSON.parse(stdout)).toEqual([14, true]);
});

it('resolves types for a strict TypeScript project', async () => {
  const source = `import { compile, createStore, openDevice, ops, type Value } from 'hippo';
import { loadModel } from 'hippo/node';
export const double = (x: Value): Value => ops.add(x, x);
export const load = (path: string) => openDevice().then((device) => loadModel(path, { device }));
export { compile, createStore };
// @ts-expect-error: a shape is a list of numbers
ops.full('three', 1);
`;
  await writeFile(join(folder, 'main.ts'), source);
  const options = {
    strict: true,
    module: 'NodeNext',
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
    noEmit: true,
    skipLibCheck: false,
    types: [],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['main.ts'] }));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [tsc, '-p', '.'], { cwd: folder }).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe('');
});

it('packs no tests, and the licence', async () => {
  const installed = join(folder, 'node_modules/hippo');
  const names = await readdir(installed, { recursive: true });
  expect(names.filter((name) => /\.test\.|test-support|testdata/.test(name))).toEqual([]);
  expect((await stat(join(installed, 'LICENSE'))).size).toBeGreaterThan(500);
});
