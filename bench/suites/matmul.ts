// Matrix products against the libraries that a JavaScript program could use instead, and against OpenBLAS: the products of a
// model of width 768, and of one token.
import { type Contest, type Limit, rate } from '../harness/contest.ts';
import { limitsFor, type MachineLimits, roofline } from '../harness/machine.ts';
import { measureAll, type SuiteContext, type SuiteOutcome } from '../harness/suite.ts';
import { type Engine, loadMatmulCalls, type MatmulCalls, openEngines } from '../peers/engine.ts';
import { jaxProduct } from '../peers/jax.ts';
import { onnxruntimeProduct, openblasProduct } from '../peers/matmul-children.ts';
import { hippoProduct } from '../peers/matmul-hippo.ts';
import { bytes, operations, PRODUCT_TOLERANCE, type ProductSize } from '../peers/product.ts';
import { tfjsProduct } from '../peers/tfjs.ts';

const sizes: readonly ProductSize[] = [
  [256, 768, 768],
  [1024, 1024, 1024],
  [256, 3072, 768],
  [1024, 1024, 4096],
  [1, 768, 3072],
  [1, 768, 50304],
].map(([m = 1, k = 1, n = 1]) => ({ m, k, n, layout: 'NN', batch: 1 }));

const limit = (size: ProductSize, limits: MachineLimits): Limit => ({
  name: 'the limit',
  of: (threads) => roofline({ operations: operations(size), bytes: bytes(size) }, limitsFor(limits, threads)),
});

/** As compiled functions keep frozen weights; a few rows read B as it lies. */
const packedBefore = { name: 'Hippo, B packed before', packed: true };

function contest(size: ProductSize, engines: readonly Engine[], calls: MatmulCalls, context: SuiteContext): Contest {
  const { threads, limits } = context;
  return {
    name: [size.m, size.k, size.n].join('×'),
    unit: rate('GFLOP/s', operations(size), 1e9),
    tolerance: PRODUCT_TOLERANCE,
    limit: limit(size, limits),
    contestants: [
      ...engines.map((engine) => hippoProduct(size, engine, calls)),
      ...engines.map((engine) => hippoProduct({ ...size, layout: 'NT' }, engine, calls, { name: 'Hippo, B as n×k' })),
      ...(size.m > 24 ? engines.map((engine) => hippoProduct(size, engine, calls, packedBefore)) : []),
      ...[tfjsProduct(size), jaxProduct(size)],
      ...threads.map((count) => onnxruntimeProduct(size, count)),
      ...threads.map((count) => openblasProduct(size, count)),
    ],
  };
}

export async function run(context: SuiteContext): Promise<SuiteOutcome> {
  const calls = await loadMatmulCalls();
  const engines = await openEngines(context.threads);
  try {
    const contests = sizes.map((size) => contest(size, engines, calls, context));
    return await measureAll(contests, context);
  } finally {
    await Promise.all(engines.map((engine) => engine.dispose()));
  }
}
