// onnxruntime-web in a process of its own, since its number of threads holds for the process: node onnxruntime-child.js M K N
// THREADS. Speaks the language of harness/child.ts.
import { createInterface } from 'node:readline';
import { installedVersion } from '../harness/installed.ts';
import { matmulModel } from './onnx-model.ts';
import { operandA, operandB } from './product.ts';

const [m = 1, k = 1, n = 1, threads = 1] = process.argv.slice(2).map(Number);
const ort = await import('onnxruntime-web');
ort.env.wasm.numThreads = threads;
ort.env.logLevel = 'error';
const size = { m, k, n, layout: 'NN', batch: 1 } as const;
const session = await ort.InferenceSession.create(matmulModel(m, k, n, operandB(size)), {
  executionProviders: ['wasm'],
  graphOptimizationLevel: 'all',
});
const feeds = { A: new ort.Tensor('float32', operandA(size), [m, k]) };

async function answer(request: string): Promise<readonly number[]> {
  const [kind, ...words] = request.split(' ');
  if (kind === 'values') {
    const result = (await session.run(feeds)).C;
    return words.map((place) => Number(result?.data[Number(place)]));
  }
  const start = performance.now();
  for (let i = Number(words[0]); i > 0; i--) (await session.run(feeds)).C?.dispose();
  return [(performance.now() - start) / 1000];
}

console.log(`ready ${installedVersion('onnxruntime-web')}`);
for await (const line of createInterface({ input: process.stdin })) console.log((await answer(line)).join(' '));
await session.release();
process.exit(0); // its threads would keep the process
