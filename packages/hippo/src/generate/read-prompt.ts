// Reading a prompt so that it can be given up between two chunks, and so that the scores of every place can be seen.

import type { Interruption } from '../session/interruption.ts';
import type { Decoder } from './decoder.ts';

/** Prompts are read in chunks of these sizes, the largest that fits first, as `Decoder.feed` does. */
export const promptChunks: readonly number[] = [1024, 128, 16, 1];
/** Most rows of scores that come to the host at once, where every one is wanted. */
const visitedChunk = 128;

export interface ReadOptions {
  readonly vocabularySize: number;
  readonly interrupt: Interruption;
  /** Gets the scores after every token, padding left out; they last until it returns. */
  readonly visit?: ((position: number, scores: Float32Array) => void) | undefined;
}

/**
 * Forgets what the decoder (of one row) has read, reads the prompt and returns the scores after it, padding left out.
 * @throws what `interrupt` throws.
 */
export async function readPrompt(
  decoder: Decoder,
  tokens: Int32Array,
  { vocabularySize, interrupt, visit }: ReadOptions,
): Promise<Float32Array> {
  const sizes = visit ? promptChunks.filter((size) => size <= visitedChunk) : promptChunks;
  decoder.reset();
  let scores = new Float32Array(0);
  for (let done = 0; done < tokens.length; ) {
    await interrupt();
    const size = sizes.find((chunk) => chunk <= tokens.length - done) ?? 1;
    const part = tokens.subarray(done, done + size);
    if (visit)
      await decoder.feedAll(part, (position, _row, given) => {
        visit(position, given.subarray(0, vocabularySize));
        if (position === tokens.length - 1) scores = given.slice(0, vocabularySize);
      });
    else scores = (await decoder.feed(part)).slice(0, vocabularySize);
    done += size;
  }
  return scores;
}
