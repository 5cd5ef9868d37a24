// Decides once a run, before any test, whether the suites run on WebGPU in Node: they must where HIPPO_TEST_WEBGPU is `required`,
// they do not where it is `off`, and elsewhere they do when an adapter is found. What is not run is said in one line.
import { spawnSync } from 'node:child_process';
import type { TestProject } from 'vitest/node';
import { findChromium } from './chromium.test-support.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Suites run on WebGPU in Node. */
    readonly webGpuInNode: boolean;
  }
}

const probe = `const { create } = await import('webgpu');
process.exitCode = (await create([]).requestAdapter()) ? 0 : 1;`;

/** Asks in a process of its own: drivers that fail write their own lines, or end the process. */
function missingInNode(asked: string): string | undefined {
  if (asked === 'off') return 'HIPPO_TEST_WEBGPU is off';
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', probe], {
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  if (asked === 'required') {
    throw new Error(`tests: WebGPU is required (HIPPO_TEST_WEBGPU), and Node finds no adapter:\n${stderr}`);
  }
  return 'no adapter was found';
}

/** Called by vitest. */
export function setup({ provide }: TestProject): void {
  const inNode = missingInNode(process.env.HIPPO_TEST_WEBGPU ?? 'auto');
  const inChromium = findChromium() === undefined ? 'no Chromium was found' : undefined;
  provide('webGpuInNode', inNode === undefined);
  const missing = [inNode && `in Node: ${inNode}`, inChromium && `in Chromium: ${inChromium}`].filter(Boolean);
  if (missing.length > 0) process.stderr.write(`WebGPU tests not run ${missing.join('; ')}\n`);
}
