// A device that is lost in the middle of training: a typed error, and from the last checkpoint a new device goes on to the same losses.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { languageModel } from '../../models/language-model.ts';
import { openDevice } from '../../session/device.ts';
import { createStore, type Store } from '../../session/store.ts';
import { inBrowser } from '../../testing/test-file.test-support.ts';
import { webGpuTested } from '../../testing/webgpu.test-support.ts';
import { adamWDefaults } from '../../train/adamw.ts';
import { compileTrainStep, type TrainStep } from '../../train/train-step.ts';
import * as adapters from './open-adapter.ts';

const model = languageModel({
  vocab_size: 11,
  pad_vocab_size_multiple: 1,
  d_model: 8,
  n_layer: 1,
  d_inner: 16,
  d_state: 4,
});
const tokens = Int32Array.from({ length: 9 }, (_, i) => (i * 7) % 11);

async function openTraining(): Promise<{ readonly store: Store; readonly step: TrainStep }> {
  const device = await openDevice({ backend: 'webgpu' });
  const store = createStore(device);
  store.initialize(model.variables, { seed: 1 });
  const settings = { batch: 1, length: 8, optimizer: adamWDefaults, clip: 1, accumulation: 1, seed: 0 };
  return { store, step: await compileTrainStep(model, { store, ...settings }) };
}

const lossAt = async ({ step }: { readonly step: TrainStep }, at: number): Promise<number> =>
  (await step.run([tokens], { step: at, learningRate: 1e-2 })).loss;

afterEach(() => {
  vi.restoreAllMocks();
});

// A browser's modules cannot be watched from outside.
describe.runIf(webGpuTested && !inBrowser)('a lost device', () => {
  it('ends the run with a typed error, and training goes on elsewhere from the checkpoint', {
    timeout: 120_000,
  }, async () => {
    const devices: GPUDevice[] = [];
    const { openAdapter } = adapters;
    vi.spyOn(adapters, 'openAdapter').mockImplementation(async (options) => {
      const found = await openAdapter(options);
      const request = found.adapter.requestDevice.bind(found.adapter);
      found.adapter.requestDevice = async (descriptor) => {
        const device = await request(descriptor);
        devices.push(device);
        return device;
      };
      return found;
    });
    const whole = await openTraining();
    const expected: number[] = [];
    for (let at = 0; at < 4; at++) expected.push(await lossAt(whole, at));

    const first = await openTraining();
    for (let at = 0; at < 2; at++) expect(await lossAt(first, at)).toBe(expected[at]);
    const variables = [...model.variables, ...first.step.optimizerVariables];
    const checkpoint = new Map<string, Awaited<ReturnType<Store['read']>>>();
    for (const variable of variables) checkpoint.set(variable.name, await first.store.read(variable));
    devices[1]?.destroy();
    await expect(lossAt(first, 2)).rejects.toMatchObject({ code: 'device-lost' });
    await expect(lossAt(first, 2)).rejects.toThrow('Open a device anew and load the last checkpoint.');

    const second = await openTraining();
    for (const variable of [...model.variables, ...second.step.optimizerVariables]) {
      const saved = checkpoint.get(variable.name);
      if (saved) second.store.write(variable, saved);
    }
    for (let at = 2; at < 4; at++) expect(await lossAt(second, at)).toBe(expected[at]);
    for (const { store } of [whole, second]) await store.device.dispose();
  });
});
