// One suite, every backend: each operation's cases against the reference.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../ops/index.ts';
import { type Device, type DeviceOptions, openDevice } from '../session/device.ts';
import { disagreement } from './conformance.ts';
import { conformanceCases } from './conformance-cases.ts';
import { inBrowser } from './test-file.test-support.ts';
import { webGpuDevices } from './webgpu.test-support.ts';

const backends: Readonly<Record<string, DeviceOptions>> = {
  'wasm, one thread': { backend: 'wasm', threads: 1 },
  // A page's own thread may not wait for others.
  ...(!inBrowser && {
    'wasm, two threads': { backend: 'wasm', threads: 2 },
    'wasm, kernels for 256-bit vectors': { backend: 'wasm', threads: 2, wideVectors: true },
  }),
  'wasm, plain SIMD': { backend: 'wasm', threads: 1, relaxedSimd: false },
  ...webGpuDevices,
};

it('has a case for every operation', () => {
  const covered = new Set(conformanceCases.map(({ operation }) => operation));
  expect(operations.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
});

describe.each(Object.entries(backends))('%s', (_, options) => {
  let device: Device;
  let oracle: Device;
  beforeAll(async () => {
    device = await openDevice(options);
    oracle = await openDevice({ backend: 'reference' });
  });
  afterAll(async () => {
    await device.dispose();
    await oracle.dispose();
  });
  const names = [...new Set(conformanceCases.map(({ operation }) => operation))];
  it.each(names)(
    '%s',
    async (operation) => {
      for (const test of conformanceCases.filter((candidate) => candidate.operation === operation)) {
        expect(await disagreement(test, device, oracle), test.name).toBeUndefined();
      }
      // A software adapter compiles for seconds what takes it milliseconds to run.
    },
    600_000,
  );
});
