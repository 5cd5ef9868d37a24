// TensorFlow.js on its WebAssembly backend, SIMD build. Its own flags turn threads off in Node, whatever is asked for
// (WASM_HAS_MULTITHREAD_SUPPORT). It packs a matrix product's B once for as long as B lives.
import type { Contestant } from '../harness/contest.ts';
import { installedVersion } from '../harness/installed.ts';
import { operandA, operandB, type ProductSize, resultError } from './product.ts';

async function loadTfjs() {
  const version = installedVersion('@tensorflow/tfjs-backend-wasm');
  const tf = await import('@tensorflow/tfjs-core');
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  await tf.ready();
  return { tf, version };
}

export function tfjsProduct(size: ProductSize): Contestant {
  return {
    name: 'tfjs wasm',
    threads: 1,
    prepare: async () => {
      const { tf, version } = await loadTfjs();
      const a = tf.tensor2d(operandA(size), [size.m, size.k]);
      const b = tf.tensor2d(operandB(size), [size.k, size.n]);
      return {
        version,
        check: () => tf.tidy(() => resultError(size, tf.matMul(a, b).dataSync())),
        run: () => tf.matMul(a, b).dispose(),
        dispose: () => tf.dispose([a, b]),
      };
    },
  };
}
