// Matrix products in processes of their own: onnxruntime-web, whose threads are set once a process, and OpenBLAS.
import { fileURLToPath } from 'node:url';
import { type ChildCommand, childContestant } from '../harness/child.ts';
import type { Contestant } from '../harness/contest.ts';
import { installedVersion } from '../harness/installed.ts';
import { nativeEnvironment } from './native-environment.ts';
import { checkedPlaces, type ProductSize, productError } from './product.ts';

function product(name: string, threads: number, size: ProductSize, start: () => ChildCommand): Contestant {
  return childContestant({
    name,
    threads,
    start,
    error: async (values) => productError(size, await values(checkedPlaces(size))),
  });
}

/** onnxruntime-web, with B a constant of the model, which it packs once. */
export const onnxruntimeProduct = (size: ProductSize, threads: number): Contestant =>
  product('onnxruntime-web wasm', threads, size, () => {
    installedVersion('onnxruntime-web');
    const program = fileURLToPath(new URL('./onnxruntime-child.js', import.meta.url)); // the built file
    return {
      command: process.execPath,
      args: [...process.execArgv, program, ...[size.m, size.k, size.n, threads].map(String)],
    };
  });

/** OpenBLAS, native: the yardstick of what this processor does with all its vector width. */
export const openblasProduct = (size: ProductSize, threads: number): Contestant =>
  product('OpenBLAS, native', threads, size, () => {
    const program = fileURLToPath(new URL('../../native/openblas.py', import.meta.url));
    return {
      command: 'python3',
      args: [program, ...[size.m, size.k, size.n, threads].map(String)],
      environment: nativeEnvironment(threads),
    };
  });
