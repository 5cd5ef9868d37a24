import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { chromiumArguments, findChromium } from './packages/hippo/src/testing/chromium.test-support.ts';
import { webGpuTestCount } from './packages/hippo/src/testing/webgpu-count.test-support.ts';

// Three projects: `unit` stays short and runs in `npm run check`; `slow` holds the learning, packaging and command-line tests (files
// named *.slow.test.ts); `browser` runs the suites that compare backends once more in headless Chromium, where there is one.
const shared = { resolve: { conditions: ['source'] }, ssr: { resolve: { conditions: ['source'] } } };
const chromium = findChromium();
/** HIPPO_TEST_RESULTS: a file to write the results to, as JSON, besides printing them. */
const results = process.env.HIPPO_TEST_RESULTS;
const jsonReport: [string, Record<string, unknown>][] = results ? [['json', { outputFile: results }]] : [];

const browser: TestProjectInlineConfiguration = {
  ...shared,
  // Shared memory needs a page that is isolated from others.
  server: {
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
  },
  test: {
    name: 'browser',
    include: [
      'packages/hippo/src/backends/webgpu/**/*.test.ts',
      'packages/hippo/src/testing/{causality,conformance,gradients,random-graphs}.test.ts',
      'packages/hippo/src/nn/{attention,dropout,mixers.slow}.test.ts',
      'packages/hippo/src/nn/ssm/{discretise,h3,h3.golden,rivals}.test.ts',
      'packages/hippo/src/models/{gpt2-weights,language-model,language-model.golden,quantized-model}.test.ts',
      'packages/hippo/src/train/train.test.ts',
    ],
    exclude: ['**/*.snapshot.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: chromium ?? '', args: [...chromiumArguments] } }),
      instances: [{ browser: 'chromium' }],
    },
  },
};

export default defineConfig({
  ...shared,
  test: {
    maxWorkers: 2,
    reporters: ['default', webGpuTestCount, ...jsonReport],
    globalSetup: ['packages/hippo/src/testing/webgpu-setup.test-support.ts'],
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['packages/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: ['**/*.slow.test.ts', '**/node_modules/**', '**/dist/**'],
          // Shaders for a software adapter take a second each to compile.
          testTimeout: 120_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'slow',
          include: ['packages/**/*.slow.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      ...(chromium === undefined ? [] : [browser]),
    ],
  },
});
