// Stop strings: what comes out is the same however the text was cut into pieces, and by bytes of characters too.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteTokenizer } from '../text/byte-tokenizer.ts';
import { stopFilter } from './stop-strings.ts';

interface Result {
  readonly text: string;
  readonly stop: string | undefined;
}

function filterPieces(pieces: readonly string[], stops: readonly string[]): Result {
  const filter = stopFilter(stops);
  let text = '';
  for (const piece of pieces) {
    const found = filter.push(piece);
    text += found.text;
    if (found.stop !== undefined) return { text, stop: found.stop };
  }
  return { text: text + filter.end(), stop: undefined };
}

/** The definition: the stop string that is complete first, the longest of those, ends the text where it begins. */
function expected(text: string, stops: readonly string[]): Result {
  for (let end = 1; end <= text.length; end++) {
    const ending = stops.filter((stop) => text.slice(0, end).endsWith(stop)).sort((a, b) => b.length - a.length)[0];
    if (ending !== undefined) return { text: text.slice(0, end - ending.length), stop: ending };
  }
  return { text, stop: undefined };
}

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🦛'), maxLength: 30 });
const stopStrings = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🦛'), minLength: 1, maxLength: 5 }), {
  maxLength: 3,
});

describe('stopFilter', () => {
  it('gives the same text for any pieces', () => {
    const cuts = fc.array(fc.nat(30), { maxLength: 8 });
    fc.assert(
      fc.property(letters, stopStrings, cuts, (text, stops, places) => {
        const characters = [...text];
        const ends = [0, ...places.map((place) => Math.min(place, characters.length)), characters.length].sort(
          (a, b) => a - b,
        );
        const pieces = ends.slice(1).map((end, i) => characters.slice(ends[i], end).join(''));
        expect(filterPieces(pieces, stops)).toEqual(expected(text, stops));
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same text byte by byte', () => {
    const tokenizer = byteTokenizer();
    fc.assert(
      fc.property(letters, stopStrings, (text, stops) => {
        const decoder = tokenizer.decoder();
        const pieces = Array.from(tokenizer.encode(text), (id) => decoder.push(id));
        expect(filterPieces([...pieces, decoder.end()], stops)).toEqual(expected(text, stops));
      }),
    );
  });

  it('holds back no more than could become a stop string', () => {
    const filter = stopFilter(['END', 'two words']);
    expect(filter.push('a lo')).toEqual({ text: 'a lo' });
    expect(filter.push('ng E')).toEqual({ text: 'ng ' });
    expect(filter.push('N')).toEqual({ text: '' });
    expect(filter.push('G two wor')).toEqual({ text: 'ENG ' });
    expect(filter.end()).toBe('two wor');
  });

  it('drops what a piece has after the stop string', () => {
    expect(stopFilter(['|']).push('ab|cd')).toEqual({ text: 'ab', stop: '|' });
  });

  it('refuses the empty string', () => {
    expect(() => stopFilter(['a', ''])).toThrow('a stop string must have at least one character');
  });
});
