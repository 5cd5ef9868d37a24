import { expect, it } from 'vitest';
import { read } from '../graph/trace.ts';
import { stateVariable } from '../graph/variable.ts';
import { embedding } from '../nn/embedding.ts';
import { backends, openStore } from '../nn/layer.test-support.ts';
import { rootScope } from '../nn/scope.ts';
import { add, concat, full, matmul, mean, mul, pad, select, sliceAxis, sum } from '../ops/index.ts';
import { checkCausality } from './causality.ts';

const options = { vocabularySize: 5, length: 9, batch: 2 } as const;

it.each(backends)('finds what looks ahead, and only that, on %s', async (backend) => {
  const scope = rootScope();
  const table = embedding(scope, { rows: 5, width: 3, deviation: 1 });
  const store = await openStore(backend, scope.variables);
  const check = (build: Parameters<typeof checkCausality>[0]) => checkCausality(build, { store, ...options });

  expect(await check((ids) => table.apply(ids))).toMatchObject({ causal: true, leak: 0 });
  const behind = await check((ids) => pad(sliceAxis(table.apply(ids), 1, 0, 8), [0, 1, 0], [0, 0, 0]));
  expect(behind).toMatchObject({ causal: true, leak: 0 });
  expect(behind.influence).toBeGreaterThan(0.1);

  const ahead = await check((ids) => pad(sliceAxis(table.apply(ids), 1, 1, 9), [0, 0, 0], [0, 1, 0]));
  expect(ahead.causal).toBe(false);
  expect(ahead.reached).toBe(ahead.changed - 1);
  const average = await check((ids) => add(table.apply(ids), mean(table.apply(ids), [1], { keep: true })));
  expect(average.causal).toBe(false);
  // A leak of one position at the very end, a hundredth of the rest.
  const faint = await check((ids) => {
    const x = table.apply(ids);
    return concat(
      [sliceAxis(x, 1, 0, 7), add(sliceAxis(x, 1, 7, 8), mul(0.01, sliceAxis(x, 1, 8, 9))), sliceAxis(x, 1, 8, 9)],
      1,
    );
  });
  expect(faint).toMatchObject({ causal: false, changed: 8, reached: 7 });
});

it.each(backends)('NaN is a leak, constant outputs have no influence, on %s', async (backend) => {
  const scope = rootScope();
  const table = embedding(scope, { rows: 5, width: 3 });
  const one = stateVariable('one', [], 'f32', 1);
  const store = await openStore(backend, [...scope.variables, one]);
  const bad = await checkCausality((ids) => select(read(one), full([2, 9, 3], Number.NaN), table.apply(ids)), {
    store,
    ...options,
  });
  expect(bad.causal).toBe(false);
  const constant = await checkCausality((ids) => mul(0, sum(table.apply(ids), [2], { keep: true })), {
    store,
    ...options,
  });
  expect(constant).toMatchObject({ causal: true, influence: 0 });
});

it('refuses lengths and vocabularies with nothing to change', async () => {
  const store = await openStore('reference', []);
  for (const wrong of [{ length: 1 }, { vocabularySize: 1 }, { trials: 0 }]) {
    await expect(
      checkCausality((ids) => matmul(full([1, 1], 1), ids), { store, ...options, ...wrong }),
    ).rejects.toThrow(/needs a vocabulary and a length/);
  }
});
