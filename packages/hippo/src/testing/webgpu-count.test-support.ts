// Says at the end of a run how many tests ran on WebGPU, by their names or where they lie, in Node and in Chromium: a suite that
// silently lost the backend would otherwise look as green as before.
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** A reporter for vitest. */
export const webGpuTestCount: Reporter = {
  onTestRunEnd(modules) {
    const inChromium = modules.filter(runsInChromium);
    const inNode = modules.filter((module) => !runsInChromium(module));
    process.stdout.write(`WebGPU tests passed: ${countIn(inNode)} in Node, ${countIn(inChromium)} in Chromium\n`);
  },
};

/** The browser project, and the test that drives a page. */
function runsInChromium({ project, moduleId }: TestModule): boolean {
  return project.name.startsWith('browser') || moduleId.includes('/testing/page/');
}

function countIn(modules: readonly TestModule[]): number {
  const isOn = ({ fullName }: TestCase, { moduleId }: TestModule): boolean =>
    moduleId.includes('/backends/webgpu/') || /\bwebgpu\b/.test(fullName);
  const counts = modules.map((module) => [...module.children.allTests('passed')].filter((test) => isOn(test, module)));
  return counts.flat().length;
}
