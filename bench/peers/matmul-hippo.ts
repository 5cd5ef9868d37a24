// Hippo's matrix product: the kernel alone, as a plan of one call. B is packed anew in every run.
import type { Contestant } from '../harness/contest.ts';
import { fillNumbers } from '../harness/numbers.ts';
import type { Engine, MatmulCalls } from './engine.ts';
import { type ProductSize, resultError } from './product.ts';

export function hippoProduct(size: ProductSize, engine: Engine, matmulCalls: MatmulCalls, name = 'Hippo'): Contestant {
  const { m, k, n, batch, layout } = size;
  return {
    name,
    threads: engine.threads,
    prepare: () => {
      const strides =
        batch > 1 ? { strideA: m * k, strideB: k * n, strideC: m * n } : { strideA: 0, strideB: 0, strideC: 0 };
      const transposes = { transposeA: layout.startsWith('T'), transposeB: layout.endsWith('T') };
      const calls = matmulCalls({ m, n, k, batch, ...strides, ...transposes });
      const allocate = (count: number): number => engine.allocate(4 * batch * count);
      const [a, b, c] = [allocate(m * k), allocate(k * n), allocate(m * n)];
      const workspace = engine.allocate(Math.max(64, calls.workspaceBytes(engine.threads)));
      const plan = engine.load(calls.calls({ inputs: [a, b], outputs: [c], workspace }, engine.threads));
      const floats = (address: number, count: number) => new Float32Array(engine.memory.buffer, address, batch * count);
      fillNumbers(floats(a, m * k), 1);
      fillNumbers(floats(b, k * n), 2);
      return {
        check: () => {
          floats(c, m * n).fill(Number.NaN);
          engine.run(plan);
          return resultError(size, floats(c, m * n));
        },
        run: () => engine.run(plan),
        dispose: () => {
          engine.unload(plan);
          for (const address of [a, b, c, workspace]) engine.free(address);
        },
      };
    },
  };
}
