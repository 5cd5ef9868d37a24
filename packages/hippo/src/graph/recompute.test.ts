// Recomputation's promises: the same bits, less memory, late in the schedule; nested regions, values that cross a region's edge,
// random masks, second derivatives.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as ops from '../ops/index.ts';
import { gradient, matmul, mul, recompute, sum, tanh } from '../ops/index.ts';
import { compile } from '../session/compile.ts';
import { type Device, openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { printGraph } from './print.ts';
import { prune } from './prune.ts';
import { share } from './share.ts';
import { simplify } from './simplify.ts';
import { input, traceGraph } from './trace.ts';
import type { Value } from './value.ts';

const side = 8;
const matrix = { shape: [side, side], dtype: 'f32' } as const;
const types = {
  x: matrix,
  w: matrix,
  key: { shape: [2], dtype: 'u32' },
  counter: { shape: [], dtype: 'i32' },
} as const;
type Inputs = Record<keyof typeof types, Value>;
type Wrap = <T>(build: () => T) => T;
const plain: Wrap = (build) => build();

let device: Device;
beforeAll(async () => {
  device = await openDevice({ backend: 'wasm', threads: 2 });
});
afterAll(() => device.dispose());

const wave = (phase: number) => Array.from({ length: side * side }, (_, i) => Math.sin(phase + 1.7 * i));

/** Numbers and plan of a function of the four inputs. */
async function evaluate(build: (inputs: Inputs) => Record<string, Value>, counter = 3) {
  using store = createStore(device);
  using run = await compile(build, { store, inputs: types, verify: true });
  const outputs = await run({ x: wave(1), w: wave(2), key: [7, 9], counter: [counter] });
  const numbers = Object.values(outputs).map((output) => [...(output?.data ?? [])]);
  return { numbers, totals: run.totals, plan: run.plan };
}

/** Loss and both gradients of `loss`, in a region or not. */
const slopes =
  (loss: (inputs: Inputs, wrap: Wrap) => Value, wrap: Wrap) =>
  (inputs: Inputs): Record<string, Value> => {
    const value = loss(inputs, wrap);
    const [dx, dw] = gradient(value, [inputs.x, inputs.w]);
    return { value, dx: dx as Value, dw: dw as Value };
  };

async function expectSameBits(loss: (inputs: Inputs, wrap: Wrap) => Value) {
  const [kept, again] = [await evaluate(slopes(loss, plain)), await evaluate(slopes(loss, recompute))];
  expect(again.numbers).toEqual(kept.numbers);
  expect(kept.numbers.flat().some((x) => x !== 0 && Number.isFinite(x))).toBe(true);
  return { kept, again };
}

const layer = (x: Value, w: Value): Value => tanh(matmul(tanh(matmul(x, w)), w));
const deep = ({ x, w }: Inputs, wrap: Wrap): Value => {
  let y = x;
  for (let i = 0; i < 8; i++) {
    const below = y;
    y = wrap(() => ops.add(below, layer(layer(below, w), w)));
  }
  return sum(mul(y, y));
};

describe('recompute', () => {
  it('gives the same bits with less memory and more steps', async () => {
    const { kept, again } = await expectSameBits(deep);
    expect(again.totals.arenaBytes).toBeLessThan(0.6 * kept.totals.arenaBytes);
    expect(again.totals.steps).toBeGreaterThan(1.2 * kept.totals.steps);
    expect(again.totals.steps).toBeLessThan(1.6 * kept.totals.steps);
  });

  it('makes a region again only once the gradient has come down to it', async () => {
    const { plan } = await evaluate(
      slopes(({ x, w }, wrap) => {
        const first = ops.add(
          wrap(() => layer(x, w)),
          x,
        );
        return sum(
          mul(
            wrap(() => layer(first, w)),
            first,
          ),
        );
      }, recompute),
    );
    const again = plan.steps.map(({ path }) => path.includes('(recomputed)'));
    const gradients = plan.steps.map(({ path }) => path.includes('(gradient)'));
    expect(again.filter(Boolean)).not.toHaveLength(0);
    // Recomputed, gradient, recomputed, gradient: the first layer's nodes do not run with the second's.
    const turns = again.map((isAgain, i) => (isAgain ? 'r' : gradients[i] ? 'g' : '')).join('');
    expect(turns.replace(/(.)\1+/g, '$1')).toMatch(/^g?(rg)+rg$/);
  });

  it('leaves nothing of the region for the backward pass to read', () => {
    const graph = traceGraph(
      () => {
        const [x, w] = [input('x', matrix), input('w', matrix)];
        const [slope] = gradient(sum(recompute(() => tanh(ops.gelu(matmul(x, w))))), [w]);
        return { slope: slope as Value };
      },
      { captureSource: false },
    );
    const text = printGraph(prune(share(simplify(graph))));
    // Once for the loss (the signal that the barrier waits for), once for the gradient.
    expect(text.match(/= gelu\(/g)).toHaveLength(2);
    expect(text).toContain('after(');
    expect(text).toContain('# (recomputed)');
  });

  it('draws the same dropout mask again, and another for another step', async () => {
    const dropped = ({ x, w, key, counter }: Inputs, wrap: Wrap): Value =>
      sum(
        wrap(() => {
          const hidden = tanh(matmul(x, w));
          const mask = ops.less(ops.randomUniform(hidden.shape, { key, counter }), 0.5);
          return tanh(matmul(ops.select(mask, 0, mul(hidden, 2)), w));
        }),
      );
    await expectSameBits(dropped);
    const [one, other] = [await evaluate(slopes(dropped, recompute), 1), await evaluate(slopes(dropped, recompute), 2)];
    expect(one.numbers).not.toEqual(other.numbers);
  });

  it('lets values out of a region, by its result and past it', async () => {
    await expectSameBits(({ x, w }, wrap) => {
      let inside: Value = x;
      const y = wrap(() => {
        inside = tanh(matmul(x, w));
        return tanh(matmul(inside, inside));
      });
      return sum(mul(tanh(mul(y, inside)), matmul(y, inside)));
    });
  });

  it('nests', async () => {
    const nested = ({ x, w }: Inputs, wrap: Wrap): Value =>
      sum(
        wrap(() => {
          const before = layer(x, w);
          const inner = wrap(() =>
            layer(
              wrap(() => layer(before, w)),
              before,
            ),
          );
          return mul(layer(inner, w), before);
        }),
      );
    await expectSameBits(nested);
    const long = (outer: Wrap) => (inputs: Inputs, wrap: Wrap) => outer(() => deep(inputs, wrap));
    const [flat, both] = [
      await evaluate(slopes(long(plain), recompute)),
      await evaluate(slopes(long(recompute), recompute)),
    ];
    expect(both.numbers).toEqual(flat.numbers);
  });

  it('does nothing to a gradient taken inside the region', async () => {
    const inside = (wrap: Wrap) => (inputs: Inputs) => wrap(() => slopes(deep, plain)(inputs));
    const [kept, again] = [await evaluate(inside(plain)), await evaluate(inside(recompute))];
    expect(again.numbers).toEqual(kept.numbers);
    expect(again.totals).toEqual(kept.totals);
  });

  it('allows second derivatives', async () => {
    const second = (wrap: Wrap) => (inputs: Inputs) => {
      const loss = sum(wrap(() => layer(inputs.x, inputs.w)));
      const [dx] = gradient(loss, [inputs.x]);
      const [ddx, ddw] = gradient(sum(mul(dx as Value, dx as Value)), [inputs.x, inputs.w]);
      return { ddx: ddx as Value, ddw: ddw as Value };
    };
    const [kept, again] = [await evaluate(second(plain)), await evaluate(second(recompute))];
    // Not the same bits: what meets at a value is added in another order.
    const largest = Math.max(...kept.numbers.flat().map(Math.abs));
    kept.numbers.flat().forEach((x, i) => {
      expect(Math.abs((again.numbers.flat()[i] ?? Number.NaN) - x)).toBeLessThan(1e-5 * largest);
    });
  });

  it('gives the same bits for random programs cut into random regions', async () => {
    const instruction = fc.record({
      kind: fc.nat(6),
      x: fc.nat(50),
      y: fc.nat(50),
      opens: fc.nat(3),
      closes: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(instruction, { minLength: 2, maxLength: 14 }), async (program) => {
        await expectSameBits(({ x, w }, wrap) => {
          const values = [x, w];
          const pick = (index: number): Value => values[index % values.length] as Value;
          /** Runs instructions from `at` until one closes the region; returns where to go on. */
          const run = (at: number, depth: number): number => {
            for (let i = at; i < program.length; ) {
              const { kind, x: a, y: b, opens, closes } = program[i] as (typeof program)[number];
              const [p, q] = [pick(a), pick(b)];
              const makers = [
                () => ops.add(p, q),
                () => mul(p, tanh(q)),
                () => tanh(p),
                () => matmul(p, mul(q, 0.2)),
                () => ops.softmax(p),
                () => ops.transpose(ops.gelu(p), [1, 0]),
                () => ops.broadcastTo(ops.reshape(ops.mean(p, [0]), [1, side]), [side, side]),
              ];
              values.push((makers[kind] as () => Value)());
              i = opens === 0 && depth < 3 ? wrap(() => run(i + 1, depth + 1)) : i + 1;
              if (closes === 0 && depth > 0) return i;
            }
            return program.length;
          };
          run(0, 0);
          return ops.add(sum(tanh(pick(values.length - 1))), sum(mul(ops.add(x, w), 0.1)));
        });
      }),
      { numRuns: 80, seed: 4 },
    );
  });

  it('exists only while a function is traced', () => {
    expect(() => recompute(() => 1)).toThrow('recompute: operations only exist while a function is traced');
  });
});
