import { describe, expect, it } from 'vitest';
import { stateFigure } from './state-figure.ts';
import { stateViews } from './state-views.ts';

const ramp = (count: number, from = 0): Float32Array => Float32Array.from({ length: count }, (_, i) => i + from);
// Width 4: an H3 layer of head dimension 2 with a shift state of 3 places, and one of head dimension 1; attention in between.
const states = [
  { name: 'layers.0.shift', shape: [4, 1, 3], after: [ramp(12), ramp(12, 1)] },
  { name: 'layers.0.diagonal', shape: [2, 4, 2, 1], after: [ramp(16), ramp(16, 1)] },
  { name: 'layers.1.k', shape: [1, 1, 2, 4], after: [ramp(8), ramp(8)] },
  { name: 'layers.2.diagonal', shape: [4, 1, 2, 1], after: [ramp(8), ramp(8)] },
];
const options = { places: 2, layers: 3, width: 4 };

describe('views of a state', () => {
  it('are those of every shift and diagonal state', () => {
    const views = stateViews(states, options);
    expect(views.map(({ title, units }) => [title, units])).toEqual([
      ['layers.0, shift state by age in words', ['0', '1']],
      ['layers.0, diagonal state by head', ['0', '1']],
      ['layers.2, diagonal state by head', ['0', '1', '2', '3']],
    ]);
    expect(views[0]?.magnitudes[0]?.[0]).toBeCloseTo(Math.hypot(2, 5, 8, 11), 4);
  });

  it('may be of one layer', () => {
    expect(stateViews(states, { ...options, layer: 2 }).map(({ layer }) => layer)).toEqual([2]);
    expect(() => stateViews(states, { ...options, layer: 3 })).toThrow(
      "remember, --layer: the model's layers are 0 to 2; got 3. Choose one of these.",
    );
    expect(() => stateViews(states, { ...options, layer: 1 })).toThrow('got layer 1. Choose another --layer.');
  });

  it('may be of some channels, and of the heads they are in', () => {
    const [shift, diagonal, other] = stateViews(states, { ...options, channels: [3, 1] });
    expect(shift?.title).toBe('layers.0, shift state of channels 3, 1 by age in words');
    expect(shift?.magnitudes[0]).toEqual([Math.hypot(5, 11), Math.hypot(4, 10)].map((x) => expect.closeTo(x, 4)));
    expect(diagonal?.units).toEqual(['0', '1']);
    expect(stateViews(states, { ...options, layer: 0, channels: [2, 3] })[1]?.units).toEqual(['1']);
    expect(other?.units).toEqual(['1', '3']);
    expect(other?.magnitudes[0]).toEqual([Math.hypot(2, 3), Math.hypot(6, 7)].map((x) => expect.closeTo(x, 4)));
    expect(() => stateViews(states, { ...options, channels: [4] })).toThrow(
      'remember, --channels: the channels of layers.0.shift are 0 to 3; got 4. Choose among these.',
    );
  });

  it('become a figure: shift states by one scale, heads each by its own', () => {
    const svg = stateFigure(stateViews(states, options), { model: 'a/h3-0', words: ['5', '=>'], says: '7' });
    expect(svg).toContain('What the state of h3-0 holds');
    expect(svg).toContain('the model says &quot;7&quot;');
    expect(svg).toContain('>layer 0: shift state by age in words<');
    expect(svg.match(/>=&gt;</g)).toHaveLength(3);
    expect(svg.match(/>age</g)).toHaveLength(1);
    expect(svg.match(/>head</g)).toHaveLength(2);
  });
});
