// jax-js on its WebAssembly backend. It starts threads with the browser's Worker, which Node lacks, so it has one.
import type { Contestant } from '../harness/contest.ts';
import { installedVersion } from '../harness/installed.ts';
import { operandA, operandB, type ProductSize, resultError } from './product.ts';

export async function loadJax() {
  const version = installedVersion('@jax-js/jax');
  const jax = await import('@jax-js/jax');
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  return { jax, version };
}

export function jaxProduct(size: ProductSize): Contestant {
  return {
    name: 'jax-js wasm',
    threads: 1,
    prepare: async () => {
      const { jax, version } = await loadJax();
      const a = jax.numpy.array(operandA(size)).reshape([size.m, size.k]);
      const b = jax.numpy.array(operandB(size)).reshape([size.k, size.n]);
      const product = jax.jit(jax.numpy.matmul);
      const ready = () => jax.blockUntilReady(product(a.ref, b.ref));
      return {
        version,
        check: async () => resultError(size, await (await ready()).data()),
        run: async () => (await ready()).dispose(),
        dispose: () => {
          a.dispose();
          b.dispose();
          product.dispose();
        },
      };
    },
  };
}
