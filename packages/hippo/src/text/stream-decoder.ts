// Streams of bytes become text as soon as each character is complete; an unfinished UTF-8 sequence waits for its next byte.
import { DataError } from '../errors.ts';
import type { StreamDecoder } from './tokenizer.ts';

/** @param bytesOf the bytes of one token. */
export function byteStreamDecoder(bytesOf: (id: number) => Uint8Array): StreamDecoder {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    push: (id) => decoder.decode(bytesOf(id), { stream: true }),
    end: () => decoder.decode(),
  };
}

/** Decodes all ids with a fresh stream decoder. */
export function decodeAll(ids: ArrayLike<number>, decoder: StreamDecoder): string {
  const parts = Array.from(ids, (id) => decoder.push(id));
  parts.push(decoder.end());
  return parts.join('');
}

/** @throws DataError `token-out-of-range` naming the first id outside the vocabulary and its position. */
export function checkTokens(ids: ArrayLike<number>, vocabularySize: number, who = 'tokens'): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] ?? -1;
    if (Number.isInteger(id) && id >= 0 && id < vocabularySize) continue;
    throw new DataError(
      'token-out-of-range',
      `${who}: token ${i} has id ${id}, outside the vocabulary of ${vocabularySize} (0 to ${vocabularySize - 1}). Encode the text with the model's own tokenizer.`,
      { position: i, id, vocabularySize },
    );
  }
}
