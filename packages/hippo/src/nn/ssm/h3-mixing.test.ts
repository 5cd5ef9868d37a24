// The mixing of H3, whole and without either SSM: by hand on numbers small enough to check, its gradient, the state, the names.
import { describe, expect, it } from 'vitest';
import type { Value } from '../../graph/value.ts';
import { checkGradient } from '../../testing/gradient-check.ts';
import {
  backends,
  evaluate,
  inputOf,
  openStore,
  outputOf,
  randomTensor,
  relativeError,
} from '../layer.test-support.ts';
import { rootScope } from '../scope.ts';
import { h3 } from './h3.ts';
import { type H3Without, mixH3 } from './h3-mixing.ts';

const [width, batch, length, taps, states] = [4, 2, 5, 3, 2];
const row = [width, batch, length];
const headDims = [1, 2, 4] as const;
const ablations = ['none', 'shift', 'diagonal'] as const;

/** Shapes of q, k, v, the shift SSM's two parameters, its state, the diagonal SSM's five, its state. */
function shapesOf(headDim: number): readonly (readonly number[])[] {
  const heads = width / headDim;
  const pole = [heads, states];
  const shift = [[width, taps], [width], [width, batch, taps - 1]];
  return [row, row, row, ...shift, pole, pole, pole, pole, [heads], [heads, headDim * headDim * batch, 2, states]];
}

function mix(values: readonly Value[], headDim: number, without: H3Without) {
  const [q, k, v, filter, shiftSkip, shiftState, logPoleRe, logPoleIm, cRe, cIm, skip, state] = values as never[];
  const parameters = { logPoleRe: logPoleRe!, logPoleIm: logPoleIm!, cRe: cRe!, cIm: cIm!, skip: skip! };
  return mixH3({
    inputs: { q: q!, k: k!, v: v! },
    headDim,
    shift: without === 'shift' ? undefined : { taps: filter!, skip: shiftSkip!, state: shiftState },
    diagonal: without === 'diagonal' ? undefined : { parameters, state },
  });
}

/** The same in plain numbers, straight from the equations. */
function byHand(numbers: readonly ArrayLike<number>[], headDim: number, without: H3Without): number[] {
  const of = (which: number, index: number): number => numbers[which]?.[index] ?? Number.NaN;
  const at = (which: number, c: number, b: number, t: number): number => of(which, (c * batch + b) * length + t);
  const key = (c: number, b: number, t: number): number => {
    if (without === 'shift') return at(1, c, b, t);
    const past = (s: number): number => (s >= 0 ? at(1, c, b, s) : of(5, (c * batch + b) * (taps - 1) + taps - 1 + s));
    let total = of(4, c) * past(t);
    for (let l = 0; l < taps; l++) total += of(3, c * taps + l) * past(t - l);
    return total;
  };
  /** S for keys i and values j of a head at time t. */
  const memory = (head: number, i: number, j: number, b: number, t: number): number => {
    const pair = (s: number): number => key(head * headDim + i, b, s) * at(2, head * headDim + j, b, s);
    if (without === 'diagonal') return pair(t);
    let total = of(10, head) * pair(t);
    for (let n = 0; n < states; n++) {
      const at2 = head * states + n;
      const [re, im, cRe, cIm] = [of(6, at2), of(7, at2), of(8, at2), of(9, at2)];
      // 2 Re(c λ^l ·) of every pair read so far, and of the state before them, l counted from the pair on.
      const from = ((head * headDim * headDim + i * headDim + j) * batch + b) * 2 * states;
      const [sRe, sIm] = [of(11, from + n), of(11, from + states + n)];
      const power = (l: number): readonly [number, number] => [
        Math.exp(l * re) * Math.cos(l * im),
        Math.exp(l * re) * Math.sin(l * im),
      ];
      for (let s = 0; s <= t; s++) {
        const [pRe, pIm] = power(t - s);
        total += 2 * (cRe * pRe - cIm * pIm) * pair(s);
      }
      const [pRe, pIm] = power(t + 1);
      const [xRe, xIm] = [pRe * sRe - pIm * sIm, pRe * sIm + pIm * sRe];
      total += 2 * (cRe * xRe - cIm * xIm);
    }
    return total;
  };
  const y: number[] = [];
  for (let c = 0; c < width; c++)
    for (let b = 0; b < batch; b++)
      for (let t = 0; t < length; t++) {
        const head = Math.floor(c / headDim);
        let total = 0;
        for (let i = 0; i < headDim; i++) total += at(0, head * headDim + i, b, t) * memory(head, i, c % headDim, b, t);
        y.push(total);
      }
  return y;
}

describe.each(ablations)('H3 without: %s', (without) => {
  describe.each(headDims)('head dim %i', (headDim) => {
    const inputs = Object.fromEntries(shapesOf(headDim).map((shape, i) => [`x${i}`, randomTensor(shape, `mix${i}`)]));
    // A pole's logarithm has a negative real part, as every discretisation gives it.
    inputs.x6 = { ...inputs.x6!, data: inputs.x6!.data.map((x) => -Math.abs(x) - 0.1) as Float32Array };

    it.each(backends)('is its equations on %s, the state included', async (backend) => {
      const store = await openStore(backend, []);
      const outputs = await evaluate(store, inputs, (values) => {
        const all = Object.keys(inputs).map((name) => inputOf(values, name));
        const { y, state } = mix(all, headDim, without);
        return { y, ...state };
      });
      const expected = byHand(
        Object.values(inputs).map(({ data }) => data),
        headDim,
        without,
      );
      expect(relativeError(outputOf(outputs, 'y').data, expected)).toBeLessThan(1e-5);
      const names = { none: ['diagonal', 'shift'], shift: ['diagonal'], diagonal: ['shift'] } as const;
      const states = Object.keys(outputs).filter((name) => name !== 'y');
      expect(states.sort()).toEqual(names[without]);
    });

    it('has the gradient of central differences', async () => {
      const used = shapesOf(headDim);
      const result = await checkGradient((...values) => mix(values, headDim, without).y, {
        shapes: used,
        at: Object.values(inputs).map(({ data }) => Array.from(data)),
      });
      expect(result.worst).toBeLessThan(1e-5);
    });
  });
});

describe('the layer', () => {
  const declared = (without: H3Without, headDim = 1) => {
    const scope = rootScope();
    const layer = h3(scope, { width, stateSize: 6, headDim, without });
    return { names: scope.variables.map(({ name }) => name), shapes: layer.stateShapes(3, 9) };
  };

  it('declares the parameters and the state of the SSMs it has', () => {
    const whole = declared('none');
    const [shift, diagonal] = [declared('shift', 2), declared('diagonal', 2)];
    const isShift = (name: string): boolean => name.startsWith('ssm_k_');
    const isDiagonal = (name: string): boolean => name === 'D' || name.startsWith('kernel.kernel.');
    expect(whole.names.filter(isShift)).toHaveLength(3);
    expect(whole.names.filter(isDiagonal)).toHaveLength(6);
    expect(shift.names).toEqual(whole.names.filter((name) => !isShift(name)));
    expect(diagonal.names).toEqual(whole.names.filter((name) => !isDiagonal(name)));
    expect(whole.shapes.map(({ name }) => name)).toEqual(['shift', 'diagonal']);
    expect(shift.shapes).toEqual([{ name: 'diagonal', shape: [2, 12, 2, 3], dtype: 'f32' }]);
    expect(diagonal.shapes).toEqual([{ name: 'shift', shape: [4, 3, 5], dtype: 'f32' }]);
  });

  it('does not take a state that lacks its array', async () => {
    const scope = rootScope();
    const layer = h3(scope, { width, stateSize: 6, without: 'shift' });
    const store = await openStore('reference', scope.variables);
    const x = randomTensor([1, 2, width], 'x');
    await expect(
      evaluate(store, { x }, (values) => ({ y: layer.apply(inputOf(values, 'x'), { state: {} }).y })),
    ).rejects.toThrow('h3: a state must hold every array of stateShapes; "diagonal" is missing');
  });
});
