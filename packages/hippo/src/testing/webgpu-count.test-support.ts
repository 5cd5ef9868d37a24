// Says at the end of a run how many tests ran on WebGPU, by their names, in Node and in Chromium: a suite that silently lost the
// backend would otherwise look as green as before.
import type { Reporter, TestModule } from 'vitest/node';

/** A reporter for vitest. */
export const webGpuTestCount: Reporter = {
  onTestRunEnd(modules) {
    const [inBrowser, inNode] = [true, false].map((wanted) =>
      modules.filter(({ project: { name } }) => name.startsWith('browser') === wanted),
    );
    process.stdout.write(`WebGPU tests passed: ${countIn(inNode)} in Node, ${countIn(inBrowser)} in Chromium\n`);
  },
};

function countIn(modules: readonly TestModule[] = []): number {
  const tests = modules.flatMap(({ children }) => [...children.allTests('passed')]);
  return tests.filter(({ fullName }) => /\bwebgpu\b/i.test(fullName)).length;
}
