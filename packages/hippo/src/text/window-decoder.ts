// Streaming for a tokenizer that only decodes lists of ids. The text of a token can depend on its neighbours (a space before a word,
// a character from several byte tokens), so a short window of ids is decoded with and without the newest, and the difference is given.
import type { StreamDecoder } from './tokenizer.ts';

/**
 * @param decode the text of a list of ids, which is not empty
 * @param literal the text of an id that stands for itself whatever is beside it, such as a special token
 */
export function windowDecoder(
  decode: (ids: readonly number[]) => string,
  literal: (id: number) => string | undefined,
): StreamDecoder {
  let window: number[] = [];
  /** How much of the window's text was given. */
  let given = 0;
  const take = (text: string): string => {
    const piece = text.slice(given);
    given = text.length;
    return piece;
  };
  const end = (): string => {
    const piece = window.length === 0 ? '' : take(decode(window));
    window = [];
    given = 0;
    return piece;
  };
  return {
    end,
    push(id) {
      const itself = literal(id);
      if (itself !== undefined) return end() + itself;
      window.push(id);
      const text = decode(window);
      // A character may still be incomplete.
      if (text.endsWith('\uFFFD')) return '';
      const piece = take(text);
      // The newest token stays, so that the next one is decoded as one that follows.
      window = [id];
      given = decode(window).length;
      return piece;
    },
  };
}
