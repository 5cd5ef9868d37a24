// Products with quantised weights whose words exceed what a kernel may see at once: pieces begin at pairs of rows, and the odd row that
// lies alone stays the last.
import { describe, expect, it } from 'vitest';
import { input as inputOf, traceGraph } from '../../../graph/trace.ts';
import { quantizedMatmul } from '../../../ops/quantized.ts';
import { dequantizeRows, quantizeRows, rowWords } from '../../../tensor/quantization.ts';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import { openKernelHarness } from './kernel-harness.test-support.ts';
import { baseTraits, expectedProduct, largestDifference, testNumbers } from './matmul.test-support.ts';
import { quantizedMatmulChoosers } from './quantized-matmul.ts';

const [n, inputs] = [81, 200];

describe.runIf(webGpuTested)('quantizedMatmul in pieces', async () => {
  const harness = webGpuTested ? await openKernelHarness() : undefined;
  it.each([
    [8, 2],
    [4, 2],
    [4, 9],
  ] as const)(
    '%i bits, %i rows',
    async (bits, m) => {
      const matrix = { bits, inputs };
      const graph = traceGraph(() => ({
        y: quantizedMatmul(
          inputOf('x', { shape: [m, inputs], dtype: 'f32' }),
          inputOf('w', { shape: [n, rowWords(matrix)], dtype: 'i32' }),
          matrix,
        ),
      }));
      const node = graph.nodes.find(({ operation }) => operation.name === 'quantizedMatmul');
      const traits = { ...baseTraits, maxBindingBytes: 64 * 4 * rowWords(matrix) + 256 };
      const choice = node && quantizedMatmulChoosers.quantizedMatmul?.(node, traits);
      if (!choice) throw new Error('no kernel');
      const x = testNumbers(m * inputs, 1);
      const words = quantizeRows(testNumbers(n * inputs, 2), matrix, 'w');
      const dispatches = choice.dispatches([true]);
      expect(dispatches.length).toBeGreaterThan(1);
      const [y = []] =
        (await harness?.run(
          { ...choice, dispatches },
          { inputs: [x, words], outputs: [{ count: m * n }], maxBindingBytes: traits.maxBindingBytes },
        )) ?? [];
      const weights = dequantizeRows(words, matrix);
      const expected = expectedProduct({ m, n, k: inputs, transposeB: true }, [x, weights]);
      expect(largestDifference(y, expected)).toBeLessThan(2e-5);
    },
    120_000,
  );
});
