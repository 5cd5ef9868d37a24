import { afterEach, expect, it } from 'vitest';
import { openEngine } from './engine.ts';
import { enableWideVectors, wideVectors } from './wide-vectors.ts';

const versions = process.versions;
const architecture = process.arch;
afterEach(() => {
  Object.defineProperty(process, 'versions', { value: versions });
  Object.defineProperty(process, 'arch', { value: architecture });
});

it('says why they are off, and an engine follows', async () => {
  Object.defineProperty(process, 'versions', { value: { ...versions, v8: '11.3.244', node: '20.20.2' } });
  expect(enableWideVectors()).toEqual({ on: false, reason: 'they need Node 24 or newer; this is Node 20.20.2' });
  const engine = await openEngine({ threads: 1 });
  expect(engine.wideVectors).toBe(false);
  await engine.dispose();
});

it('needs an x64 processor', () => {
  Object.defineProperty(process, 'versions', { value: { ...versions, v8: '13.6.233', node: '24.0.0' } });
  Object.defineProperty(process, 'arch', { value: 'arm64' });
  expect(wideVectors().reason).toBe('V8 has them for x64 processors; this one is arm64');
});

it('looking changes nothing', () => {
  const before = wideVectors();
  expect(wideVectors()).toEqual(before);
  if (Number.parseInt(process.versions.v8, 10) >= 13 && process.arch === 'x64')
    expect(before.reason).toMatch(/was not asked to/);
});
