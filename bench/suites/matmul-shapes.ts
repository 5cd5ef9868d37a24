// Hippo's matrix product alone, in the shapes and layouts that models need: square and narrow, either side transposed, batched,
// and with few rows; and what handing a call to the threads costs.
import { type Contest, rate } from '../harness/contest.ts';
import { quantile, rounded } from '../harness/figure.ts';
import { limitsFor, roofline } from '../harness/machine.ts';
import { measureAll, type SuiteContext, type SuiteOutcome } from '../harness/suite.ts';
import { type Engine, loadMatmulCalls, type MatmulCalls, openEngines } from '../peers/engine.ts';
import { hippoProduct } from '../peers/matmul-hippo.ts';
import { bytes, operations, PRODUCT_TOLERANCE, type ProductSize } from '../peers/product.ts';

type Row = readonly [m: number, k: number, n: number, layout: ProductSize['layout'], batch?: number];

const rows: readonly Row[] = [
  [256, 768, 768, 'NT'],
  [1024, 1024, 1024, 'NN'],
  [256, 3072, 768, 'NT'],
  [1024, 96, 96, 'NT'],
  [1024, 384, 1536, 'NT'],
  [1024, 768, 3072, 'NT'],
  [1024, 3072, 768, 'NN'],
  [768, 1024, 3072, 'TN'],
  [96, 1024, 96, 'TN'],
  [768, 768, 1024, 'NT'],
  [384, 384, 1024, 'TT'],
  [128, 24, 128, 'NT', 64],
  [128, 128, 24, 'NN', 64],
  [1, 768, 3072, 'NT'],
  [1, 768, 50304, 'NT'],
  [4, 768, 3072, 'NT'],
  [4, 768, 50304, 'NT'],
  [8, 768, 3072, 'NT'],
  [12, 768, 3072, 'NT'],
  [16, 768, 3072, 'NT'],
  [1, 768, 3072, 'NN'],
  [8, 768, 3072, 'NN'],
  [1024, 768, 1, 'NN'],
];

function contest(
  [m, k, n, layout, batch = 1]: Row,
  engines: readonly Engine[],
  calls: MatmulCalls,
  { limits }: SuiteContext,
): Contest {
  const size = { m, k, n, layout, batch };
  const amount = { operations: operations(size), bytes: bytes(size) };
  return {
    name: `${batch > 1 ? `${batch} of ` : ''}${m}×${k}×${n} ${layout}`,
    unit: rate('GFLOP/s', amount.operations, 1e9),
    tolerance: PRODUCT_TOLERANCE,
    limit: { name: 'the limit', of: (threads) => roofline(amount, limitsFor(limits, threads)) },
    contestants: engines.map((engine) => hippoProduct(size, engine, calls)),
  };
}

/** Microseconds to hand one empty call to the threads and get it back, while they spin. */
function forkJoinMicroseconds(engine: Engine): number {
  const address = engine.allocate(64);
  const plan = engine.load(Array.from({ length: 1000 }, () => ({ entry: 'fill', words: [address, 0, 0] })));
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    engine.run(plan);
    times.push(performance.now() - start);
  }
  engine.unload(plan);
  engine.free(address);
  return rounded(quantile(times, 0.5)); // milliseconds a thousand calls are microseconds a call
}

export async function run(context: SuiteContext): Promise<SuiteOutcome> {
  const calls = await loadMatmulCalls();
  const engines = await openEngines(context.threads);
  try {
    const contests = rows.map((row) => contest(row, engines, calls, context));
    const outcome = await measureAll(contests, context);
    const costs = engines.map(
      (engine) => [`µs to hand over a call, threads ${engine.threads}`, forkJoinMicroseconds(engine)] as const,
    );
    return { ...outcome, facts: Object.fromEntries(costs) };
  } finally {
    await Promise.all(engines.map((engine) => engine.dispose()));
  }
}
