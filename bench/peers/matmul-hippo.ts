// Hippo's matrix product: the kernel alone. B is packed anew in every run, or once before, as frozen weights are.
import type { Contestant } from '../harness/contest.ts';
import { fillNumbers } from '../harness/numbers.ts';
import type { Engine, MatmulCalls } from './engine.ts';
import { type ProductSize, resultError } from './product.ts';

export interface HippoProduct {
  readonly name: string;
  /** B is packed before the first run. */
  readonly packed?: boolean;
}

export function hippoProduct(
  size: ProductSize,
  engine: Engine,
  { matmulCalls, packColumnsCalls, panelWidth }: MatmulCalls,
  { name, packed = false }: HippoProduct = { name: 'Hippo' },
): Contestant {
  const { m, k, n, batch, layout } = size;
  return {
    name,
    threads: engine.threads,
    prepare: () => {
      const strides =
        batch > 1 ? { strideA: m * k, strideB: k * n, strideC: m * n } : { strideA: 0, strideB: 0, strideC: 0 };
      const transposes = { transposeA: layout.startsWith('T'), transposeB: layout.endsWith('T') };
      const wide = engine.wideVectors;
      const calls = matmulCalls({ m, n, k, batch, ...strides, ...transposes, wide, packedB: packed });
      const allocate = (count: number): number => engine.allocate(4 * batch * count);
      const [a, b, c] = [allocate(m * k), allocate(k * n), allocate(m * n)];
      const workspace = engine.allocate(Math.max(64, calls.workspaceBytes(engine.threads)));
      const width = panelWidth(wide);
      const panels = packed ? engine.allocate(4 * Math.ceil(n / width) * width * k) : b;
      const plan = engine.load(calls.calls({ inputs: [a, panels], outputs: [c], workspace }, engine.threads));
      const floats = (address: number, count: number) => new Float32Array(engine.memory.buffer, address, batch * count);
      fillNumbers(floats(a, m * k), 1);
      fillNumbers(floats(b, k * n), 2);
      if (packed) {
        const packing = packColumnsCalls({ k, n, transposed: transposes.transposeB, width });
        const once = engine.load(packing.calls({ inputs: [b], outputs: [panels], workspace: 0 }, engine.threads));
        engine.run(once);
        engine.unload(once);
      }
      return {
        check: () => {
          floats(c, m * n).fill(Number.NaN);
          engine.run(plan);
          return resultError(size, floats(c, m * n));
        },
        run: () => engine.run(plan),
        dispose: () => {
          engine.unload(plan);
          for (const address of new Set([a, b, panels, c, workspace])) engine.free(address);
        },
      };
    },
  };
}
