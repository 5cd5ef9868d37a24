// The library bundled by Vite, in a worker of a page, in headless Chromium: a small model learns and writes on WebAssembly with
// threads (a page isolated from others), without, and on WebGPU.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumArguments, findChromium } from '../chromium.test-support.ts';
import type { Answer, Outcome, Request } from './protocol.test-support.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const executablePath = findChromium();

describe.runIf(executablePath)('a page with Hippo in a worker', () => {
  let bundle = '';
  let browser: Browser;
  const servers = new Map<boolean, PreviewServer>();

  const serve = (headers: Record<string, string>): Promise<PreviewServer> =>
    preview({ root, configFile: false, build: { outDir: bundle }, preview: { port: 0, headers }, logLevel: 'error' });

  beforeAll(async () => {
    bundle = await mkdtemp(join(tmpdir(), 'hippo-page-'));
    await build({
      root,
      configFile: false,
      logLevel: 'error',
      resolve: { conditions: ['source'] },
      worker: { format: 'es' },
      build: { target: 'es2022', outDir: bundle },
    });
    servers.set(true, await serve(isolation)).set(false, await serve({}));
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: [...chromiumArguments] });
  });
  afterAll(async () => {
    await browser?.close();
    for (const server of servers.values()) await server.close();
    await rm(bundle, { recursive: true, force: true });
  });

  const ask = async ({ backend, threads }: Request, isolated: boolean): Promise<Outcome> => {
    const page = await browser.newPage();
    try {
      const address = servers.get(isolated)?.resolvedUrls?.local[0];
      await page.goto(`${address}?backend=${backend}${threads === undefined ? '' : `&threads=${threads}`}`);
      const place = page.locator('#result.done');
      await place.waitFor({ timeout: 200_000 });
      const answer = JSON.parse((await place.textContent()) ?? '') as Answer;
      if ('error' in answer) throw new Error(answer.error);
      return answer.outcome;
    } finally {
      await page.close();
    }
  };

  let alone: Outcome;
  it('learns and writes on WebAssembly without threads, where the page is not isolated', async () => {
    alone = await ask({ backend: 'wasm' }, false);
    expect(alone).toMatchObject({ isolated: false, description: expect.stringContaining('no shared memory') });
    expect(alone.losses.at(-1)).toBeLessThan(0.5 * (alone.losses[0] ?? 0));
    expect(alone.text).toHaveLength(40);
  });

  it('computes the same bits on WebAssembly with threads, where the page is isolated', async () => {
    const shared = await ask({ backend: 'wasm', threads: 2 }, true);
    expect(shared).toMatchObject({ isolated: true, description: expect.stringContaining('2 threads') });
    expect(shared.losses).toEqual(alone.losses);
    expect(shared.tokens).toEqual(alone.tokens);
  });

  it('learns the same on webgpu', async () => {
    const { losses, tokens } = await ask({ backend: 'webgpu' }, true);
    // The first steps differ by roundings alone, which training then carries on.
    for (const [step, loss] of losses.slice(0, 5).entries()) expect(loss).toBeCloseTo(alone.losses[step] ?? 0, 4);
    expect(Math.abs((losses.at(-1) ?? 0) - (alone.losses.at(-1) ?? 0))).toBeLessThan(0.05);
    expect(tokens).toHaveLength(alone.tokens.length);
  });

  it('says what threads need, where they cannot be had', async () => {
    await expect(ask({ backend: 'wasm', threads: 2 }, false)).rejects.toThrow(
      /^BackendError: .*serve the page cross-origin isolated/,
    );
  });
});
