// The Chromium that browser tests are run in: one that is installed on the system, never one that is downloaded. WebGPU is computed
// by its own software adapter (SwiftShader), so that no GPU is needed.
import { existsSync } from 'node:fs';

/** Where it is looked for: HIPPO_CHROMIUM, else the places of Debian's package and of a usual installation. */
const usualPlaces: readonly string[] = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** How to start it: a software adapter, shaders compiled fast (see open-adapter.ts); as root (in a container) there is no sandbox. */
export const chromiumArguments: readonly string[] = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
  '--no-sandbox',
];

/**
 * The path of the browser, or undefined where browser tests are switched off or there is none.
 * @throws Error where HIPPO_TEST_WEBGPU is `required`.
 */
export function findChromium(): string | undefined {
  const { HIPPO_CHROMIUM: chosen, HIPPO_TEST_WEBGPU: asked = 'auto' } = process.env;
  if (asked === 'off') return undefined;
  const places = chosen === undefined ? usualPlaces : [chosen];
  const found = places.find((path) => existsSync(path));
  if (found === undefined && asked === 'required') {
    throw new Error(
      `browser tests: a Chromium is required (HIPPO_TEST_WEBGPU); none of ${places.join(', ')} exists. Install one, or set HIPPO_CHROMIUM to its path.`,
    );
  }
  return found;
}
