// Random programs (arithmetic, broadcasting, movements, products, reductions, variables assigned and read again) must give the same
// numbers on each backend as on the reference: what fusion, in-place updates and the memory plan could get wrong shows here.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { assign, read } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { stateVariable, type Variable } from '../graph/variable.ts';
import * as ops from '../ops/index.ts';
import { compile } from '../session/compile.ts';
import { type Device, type DeviceOptions, openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { inBrowser } from './test-file.test-support.ts';
import { webGpuTested } from './webgpu.test-support.ts';

const side = 6;
const types = {
  a: { shape: [side, side], dtype: 'f32' },
  b: { shape: [side, side], dtype: 'f32' },
  row: { shape: [side], dtype: 'f32' },
} as const;

/** Instructions pick operands by number, modulo what exists, so any list of numbers is a program. */
const instruction = fc.record({ kind: fc.nat(15), x: fc.nat(200), y: fc.nat(200) });

function runProgram(
  program: readonly { kind: number; x: number; y: number }[],
  inputs: Readonly<Record<'a' | 'b' | 'row', Value>>,
  variables: readonly Variable[],
): Record<string, Value> {
  const values: Value[] = [inputs.a, inputs.b, ...variables.map((variable) => read(variable))];
  const pick = (index: number): Value => values[index % values.length] as Value;
  for (const { kind, x, y } of program) {
    const [p, q] = [pick(x), pick(y)];
    const variable = variables[x % variables.length] as Variable;
    const makers: readonly (() => Value)[] = [
      () => ops.add(p, q),
      () => ops.mul(p, ops.tanh(q)),
      () => ops.sub(p, inputs.row),
      () => ops.tanh(p),
      () => ops.matmul(p, ops.mul(q, 0.2), { transposeB: y % 2 === 0 }),
      () => ops.transpose(p, [1, 0]),
      () => ops.broadcastTo(ops.reshape(ops.mean(p, [0]), [1, side]), [side, side]),
      () => ops.select(ops.less(p, q), p, ops.neg(q)),
      () => ops.pad(ops.slice(p, [1, 2], [3, 4]), [1, 0], [2, 2]),
      () => ops.softmax(p),
      () => ops.reshape(ops.neg(ops.reshape(p, [side * side])), [side, side]),
      () => ops.concat([ops.sliceAxis(p, 0, 0, 2), ops.sliceAxis(q, 0, 2, side)], 0),
      () => ops.broadcastTo(ops.sum(ops.mul(p, q)), [side, side]),
      () => ops.mul(0.5, ops.add(p, ops.transpose(q, [1, 0]))),
      () => {
        assign(variable, q);
        return read(variable);
      },
      () => {
        assign(variable, ops.add(ops.mul(read(variable), 0.5), q));
        return p;
      },
    ];
    values.push(ops.tanh(ops.mul((makers[kind % makers.length] as () => Value)(), 1)));
  }
  return { last: pick(values.length - 1), middle: pick(Math.floor(values.length / 2)) };
}

const devices = new Map<string, Device>();
const deviceOptions: Readonly<Record<string, DeviceOptions>> = {
  reference: { backend: 'reference' },
  'wasm, one thread': { backend: 'wasm', threads: 1 },
  // A page's own thread may not wait for others.
  ...(!inBrowser && { 'wasm, two threads': { backend: 'wasm', threads: 2 } }),
  ...(webGpuTested && { webgpu: { backend: 'webgpu' } }),
};
beforeAll(async () => {
  for (const [name, options] of Object.entries(deviceOptions)) devices.set(name, await openDevice(options));
});
afterAll(async () => {
  for (const device of devices.values()) await device.dispose();
});

/** The outputs of two runs of a program, and what they leave in its variables. */
async function resultsOf(device: Device, program: Parameters<typeof runProgram>[0]): Promise<readonly number[]> {
  const variables = ['u', 'v', 'w'].map((name) => stateVariable(name, [side, side], 'f32', 0.25));
  using store = createStore(device);
  store.initialize(variables);
  using run = await compile((inputs) => runProgram(program, inputs, variables), { store, inputs: types, verify: true });
  const numbers = (count: number, phase: number) => Array.from({ length: count }, (_, i) => Math.sin(phase + 1.7 * i));
  const feed = { a: numbers(side * side, 1), b: numbers(side * side, 2), row: numbers(side, 3) };
  const outputs = [await run(feed), await run(feed)];
  const contents = await Promise.all(variables.map((variable) => store.read(variable)));
  return [
    ...outputs.flatMap(({ last, middle }) => [...(last?.data ?? []), ...(middle?.data ?? [])]),
    ...contents.flatMap(({ data }) => [...data]),
  ];
}

/** Every new shader of a GPU has to be compiled, so there are fewer programs there. */
const backends = [{ backend: 'wasm', numRuns: 150 }, ...(webGpuTested ? [{ backend: 'webgpu', numRuns: 40 }] : [])];

it.each(backends)('computes random programs like the reference on $backend', async ({ backend, numRuns }) => {
  const tested = [...devices].filter(([name]) => name.startsWith(backend)).map(([, device]) => device);
  await fc.assert(
    fc.asyncProperty(fc.array(instruction, { minLength: 1, maxLength: 25 }), async (program) => {
      const expected = await resultsOf(devices.get('reference')!, program);
      const results: (readonly number[])[] = [];
      for (const device of tested) results.push(await resultsOf(device, program));
      for (const found of results) {
        const worst = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - (found[i] ?? Number.NaN))), 0);
        expect(worst).toBeLessThan(2e-4);
        expect(found).toEqual(results[0]);
      }
    }),
    { numRuns, seed: 20 },
  );
});
