// A state saved by one process and gone on with in another, and files that cannot be read or written.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDecoder } from '../generate/decoder.ts';
import { hybrid, openModel, text } from '../generate/models.test-support.ts';
import { openSession } from '../generate/session.ts';
import { runChild } from './child.test-support.ts';
import { loadState, saveState } from './state-file.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hippo-state-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('goes on to the same tokens in another process', async () => {
  const { model, store } = await openModel(hybrid);
  await using session = openSession(model, { store, capacity: 80 });
  await session.append(text(30));
  const path = join(folder, 'text.state');
  await saveState(path, await session.state());
  const expected: number[] = [];
  for (let i = 0; i < 20; i++) {
    const scores = session.scores?.subarray(0, 23) ?? new Float32Array(1);
    const token = scores.indexOf(Math.max(...scores));
    expected.push(token);
    await session.append([token]);
  }
  const { output } = await runChild(`
    import { languageModel } from '../models/language-model.ts';
    import { openDevice } from '../session/device.ts';
    import { createStore } from '../session/store.ts';
    import { openSession } from '../generate/session.ts';
    import { loadState } from './state-file.ts';
    const device = await openDevice({ threads: 1 });
    const store = createStore(device);
    const model = languageModel(${JSON.stringify(hybrid)});
    store.initialize(model.variables, { seed: 1 });
    const session = openSession(model, { store, capacity: 60 });
    await session.load(await loadState(${JSON.stringify(path)}, session));
    const tokens = [];
    for (let i = 0; i < 20; i++) {
      const scores = session.scores.subarray(0, 23);
      tokens.push(scores.indexOf(Math.max(...scores)));
      await session.append([tokens[i]]);
    }
    console.log(JSON.stringify({ position: session.position, tokens }));
    await session.dispose();
    await device.dispose();
  `);
  expect(JSON.parse(output)).toEqual({ position: 50, tokens: expected });
});

it('refuses files that are cut short, missing or damaged, and leaves what was there when a write fails', async () => {
  const { model, store } = await openModel(hybrid);
  await using decoder = createDecoder(model, { store, capacity: 10 });
  await decoder.feed(text(5));
  const path = join(folder, 'short.state');
  await saveState(path, await decoder.state());
  const bytes = await readFile(path);
  await writeFile(join(folder, 'cut.state'), bytes.subarray(0, bytes.length - 3));
  await expect(loadState(join(folder, 'cut.state'), decoder)).rejects.toThrow(
    /cut\.state: .*copy or download it again/,
  );
  await expect(loadState(join(folder, 'none.state'), decoder)).rejects.toThrow(/none\.state: cannot be read/);
  await expect(saveState(join(folder, 'no', 'folder.state'), await decoder.state())).rejects.toThrow(
    /could not be written/,
  );
  expect((await stat(path)).size).toBe(bytes.length);
});
