// Every mixer, one suite: the whole sequence = step by step = any split into chunks with the state passed on; the recurrence = the
// convolution; a row of a batch = that row alone; nothing looks ahead.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { read } from '../graph/trace.ts';
import type { Value, ValueType } from '../graph/value.ts';
import {
  diagonalSsm as applyDiagonal,
  concat,
  full,
  pad,
  reshape,
  type SsmForm,
  sliceAxis,
  transpose,
} from '../ops/index.ts';
import { compile } from '../session/compile.ts';
import type { Store } from '../session/store.ts';
import { type HostTensor, tensor } from '../tensor/host-tensor.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import { attention } from './attention.ts';
import { normal } from './initialize.ts';
import {
  backends,
  evaluate,
  inputOf,
  openStore,
  outputOf,
  perturb,
  randomTensor,
  relativeError,
  tolerances,
} from './layer.test-support.ts';
import { type Mixer, type State, sequenceSizes } from './mixer.ts';
import { rootScope, type Scope } from './scope.ts';
import { diagonalSsm } from './ssm/diagonal.ts';
import { gss } from './ssm/gss.ts';
import { h3 } from './ssm/h3.ts';
import { s4d } from './ssm/s4d.ts';
import { shiftSsm } from './ssm/shift.ts';

const width = 8;
const deviation = 0.4;

const toChannels = (x: Value): Value => transpose(x, [2, 0, 1]);
const fromChannels = (y: Value): Value => transpose(y, [1, 2, 0]);

/** The shift SSM alone under a mixer's interface. */
function shiftMixer(scope: Scope): Mixer {
  const layer = shiftSsm(scope, { channels: width, stateSize: 6 });
  const skip = scope.parameter('D', [width], { initialize: normal() });
  return {
    stateShapes: (batch) => [layer.stateShape(batch, 'shift')],
    apply: (x, context = {}) => {
      const { y, endState } = layer.apply(toChannels(x), { skip: read(skip), state: context.state?.shift });
      return { y: fromChannels(y), state: { shift: endState } };
    },
  };
}

/** The diagonal SSM alone. */
function diagonalMixer(scope: Scope): Mixer {
  const layer = diagonalSsm(scope, { channels: width, stateSize: 6, measure: 'diag-inv' });
  const skip = scope.parameter('D', [width], { initialize: normal() });
  return {
    stateShapes: (batch) => [{ name: 'diagonal', shape: [width, batch, 2, layer.states], dtype: 'f32' }],
    apply: (x, context = {}) => {
      const { state, form } = context;
      const { y, endState } = applyDiagonal(toChannels(x), layer.parameters(read(skip)), {
        state: state?.diagonal,
        form,
      });
      return { y: fromChannels(y), state: { diagonal: endState } };
    },
  };
}

const mixers: Readonly<Record<string, (scope: Scope) => Mixer>> = {
  shift: shiftMixer,
  diagonal: diagonalMixer,
  'h3, head dim 1': (scope) => h3(scope, { width, stateSize: 6, deviation }),
  'h3, head dim 2': (scope) => h3(scope, { width, stateSize: 6, headDim: 2, deviation }),
  'h3, head dim 4, zero-order hold': (scope) =>
    h3(scope, { width, stateSize: 6, headDim: 4, discretisation: 'zoh', measure: 'diag-inv', deviation }),
  'h3, head dim 8, one head': (scope) => h3(scope, { width, stateSize: 4, headDim: 8, deviation }),
  'h3 without its shift SSM': (scope) => h3(scope, { width, stateSize: 6, without: 'shift', deviation }),
  'h3 without its shift SSM, head dim 4': (scope) =>
    h3(scope, { width, stateSize: 6, headDim: 4, without: 'shift', deviation }),
  'h3 without its diagonal SSM': (scope) => h3(scope, { width, stateSize: 6, without: 'diagonal', deviation }),
  'h3 without its diagonal SSM, head dim 4': (scope) =>
    h3(scope, { width, stateSize: 6, headDim: 4, without: 'diagonal', deviation }),
  s4d: (scope) => s4d(scope, { width, stateSize: 6, deviation }),
  's4d, gated': (scope) => s4d(scope, { width, stateSize: 6, gated: true, deviation }),
  gss: (scope) => gss(scope, { width, states: 5, deviation }),
  attention: (scope) => attention(scope, { width, heads: 2, deviation }),
  'attention, rotary': (scope) => attention(scope, { width, heads: 2, rotaryDim: 2, deviation }),
};
const hasConvolution = (name: string): boolean => /h3|s4d|gss|diagonal/.test(name);

const batch = 2;
const caches = new Set(['k', 'v']);

/** Caches get room for the whole sequence before the first chunk, as a decoder gives them; other states start absent. */
function startState(mixer: Mixer, length: number): State | undefined {
  const shapes = mixer.stateShapes(batch, length);
  if (!shapes.some(({ name }) => caches.has(name))) return undefined;
  return Object.fromEntries(shapes.map(({ name, shape }) => [name, full(shape, 0)]));
}

/** The outputs of chunks of these lengths, each continuing from the one before, and the last state. */
function inChunks(mixer: Mixer, x: Value, lengths: readonly number[]): { readonly y: Value; readonly state: State } {
  const { length } = sequenceSizes(x);
  const parts: Value[] = [];
  let state = startState(mixer, length);
  let at = 0;
  for (const size of lengths) {
    const result = mixer.apply(sliceAxis(x, 1, at, at + size), { state, position: full([], at, 'i32') });
    parts.push(result.y);
    state = result.state;
    at += size;
  }
  return { y: concat(parts, 1), state: state ?? {} };
}

/** One plan for a token, run along the sequence; states go out and in again, the position is known only at run time. */
async function stepByStep(store: Store, mixer: Mixer, { data, shape }: HostTensor) {
  const [rows = 1, length = 1] = shape;
  const shapes = mixer.stateShapes(rows, length);
  const types: Record<string, ValueType> = Object.fromEntries(shapes.map((type) => [type.name, type]));
  types.x = { shape: [rows, 1, width], dtype: 'f32' };
  types.position = { shape: [], dtype: 'i32' };
  const step = await compile(
    (values): Record<string, Value> => {
      const { x: _, position, ...state } = values;
      const result = mixer.apply(inputOf(values, 'x'), { state, position });
      return { y: result.y, ...result.state };
    },
    { store, inputs: types, verify: true },
  );
  let state: Record<string, HostTensor> = Object.fromEntries(
    shapes.map(({ name, shape: sizes }) => [name, zeros(sizes)]),
  );
  const y = new Float32Array(data.length);
  for (let at = 0; at < length; at++) {
    const pick = (row: number) => [...data.subarray((row * length + at) * width, (row * length + at + 1) * width)];
    const x = Array.from({ length: rows }, (_, row) => pick(row)).flat();
    const { y: out, ...next } = await step({ ...state, x, position: [at] });
    state = next;
    for (let row = 0; row < rows; row++) {
      y.set(out?.data.subarray(row * width, (row + 1) * width) ?? [], (row * length + at) * width);
    }
  }
  step.dispose();
  return { y, state };
}

function zeros(shape: Shape): HostTensor {
  return tensor(new Float32Array(elementCount(shape)), shape);
}

async function setUp(backend: (typeof backends)[number], make: (scope: Scope) => Mixer) {
  const scope = rootScope();
  const mixer = make(scope.child('mixer'));
  const store = await openStore(backend, scope.variables);
  await perturb(store, scope.variables);
  return { mixer, store, variables: scope.variables };
}

describe.each(backends)('mixers on %s', (backend) => {
  describe.each(Object.entries(mixers))('%s', (name, make) => {
    it.each([1, 2, 3, 17, 64, 130])('length %i: the whole is its steps', async (length) => {
      const { mixer, store } = await setUp(backend, make);
      const x = randomTensor([batch, length, width], 'x');
      const whole = await evaluate(store, { x }, (values) => {
        const { y, state } = mixer.apply(inputOf(values, 'x'));
        return { y, ...state };
      });
      const steps = await stepByStep(store, mixer, x);
      const y = outputOf(whole, 'y');
      expect(y.shape).toEqual([batch, length, width]);
      expect(relativeError(steps.y, y.data)).toBeLessThan(tolerances.longEquivalence);
      for (const { name: state, shape } of mixer.stateShapes(batch, length)) {
        expect(outputOf(whole, state).shape, state).toEqual(shape);
        const error = relativeError(steps.state[state]?.data, outputOf(whole, state).data);
        expect(error, state).toBeLessThan(tolerances.longEquivalence);
      }
    });

    it('any split into chunks is the whole', async () => {
      const { mixer, store } = await setUp(backend, make);
      const split = fc.array(fc.integer({ min: 1, max: 23 }), { minLength: 2, maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(split, async (lengths) => {
          const length = lengths.reduce((a, b) => a + b, 0);
          const outputs = await evaluate(store, { x: randomTensor([batch, length, width], 'split') }, (values) => {
            const x = inputOf(values, 'x');
            return { whole: mixer.apply(x).y, chunks: inChunks(mixer, x, lengths).y };
          });
          expect(relativeError(outputOf(outputs, 'chunks').data, outputOf(outputs, 'whole').data)).toBeLessThan(
            tolerances.longEquivalence,
          );
        }),
        { numRuns: 5, seed: 7 },
      );
    });

    it('a row of the batch is that row alone', async () => {
      const { mixer, store } = await setUp(backend, make);
      const length = 19;
      const outputs = await evaluate(store, { x: randomTensor([3, length, width], 'batch') }, (values) => {
        const x = inputOf(values, 'x');
        return { row: sliceAxis(mixer.apply(x).y, 0, 1, 2), alone: mixer.apply(sliceAxis(x, 0, 1, 2)).y };
      });
      expect(relativeError(outputOf(outputs, 'alone').data, outputOf(outputs, 'row').data)).toBeLessThan(
        tolerances.equivalence,
      );
    });

    it('an input reaches no earlier output, and does reach its own', async () => {
      const { mixer, store } = await setUp(backend, make);
      const [length, changed] = [21, 13];
      const x = randomTensor([1, length, width], 'causal');
      const other = tensor(
        Float32Array.from(x.data, (v, i) => (Math.floor(i / width) === changed ? v + 1 : v)),
        x.shape,
      );
      const outputs = await evaluate(store, { x, other }, (values) => ({
        before: mixer.apply(inputOf(values, 'x')).y,
        after: mixer.apply(inputOf(values, 'other')).y,
      }));
      const [before, after] = [outputOf(outputs, 'before').data, outputOf(outputs, 'after').data];
      const cut = changed * width;
      expect(relativeError(after.subarray(0, cut), before.subarray(0, cut))).toBeLessThan(tolerances.equivalence);
      expect(relativeError(after.subarray(cut, cut + width), before.subarray(cut, cut + width))).toBeGreaterThan(1e-3);
    });

    // Layers without a convolution form (shift, attention) have nothing to compare here.
    it.each(hasConvolution(name) ? [1, 2, 17, 64] : [])(
      'length %i: the recurrence is the convolution',
      async (length) => {
        const { mixer, store } = await setUp(backend, make);
        const shapes = mixer.stateShapes(batch, length);
        const states = Object.fromEntries(shapes.map(({ name: state, shape }) => [state, randomTensor(shape, state)]));
        const outputs = await evaluate(
          store,
          { x: randomTensor([batch, length, width], 'forms'), ...states },
          (values) => {
            const { x, ...state } = values;
            const run = (form: SsmForm) => (x ? mixer.apply(x, { state, form }) : undefined);
            const results = (['scan', 'chunked', 'convolution'] as const).map((form) => [form, run(form)] as const);
            return Object.fromEntries(
              results.flatMap(([form, result]) =>
                result
                  ? [
                      [form, result.y],
                      [`${form} end`, result.state.diagonal ?? result.y],
                    ]
                  : [],
              ),
            );
          },
        );
        for (const form of ['chunked', 'convolution']) {
          for (const result of ['', ' end']) {
            const [got, want] = [outputOf(outputs, `${form}${result}`), outputOf(outputs, `scan${result}`)];
            expect(relativeError(got.data, want.data), `${form}${result}`).toBeLessThan(tolerances.equivalence);
          }
        }
      },
    );
  });

  it('the checks above notice a mixer that looks ahead', async () => {
    const { store } = await setUp(backend, mixers.shift ?? shiftMixer);
    const ahead = (x: Value): Value => pad(sliceAxis(x, 1, 1, x.shape[1] ?? 1), [0, 0, 0], [0, 1, 0]);
    const outputs = await evaluate(store, { x: randomTensor([1, 9, width], 'ahead') }, (values) => {
      const x = inputOf(values, 'x');
      const halves = [sliceAxis(x, 1, 0, 4), sliceAxis(x, 1, 4, 9)].map(ahead);
      return { whole: ahead(x), chunks: concat(halves, 1), same: reshape(x, x.shape) };
    });
    expect(relativeError(outputOf(outputs, 'chunks').data, outputOf(outputs, 'whole').data)).toBeGreaterThan(0.1);
  });
});
