// A tokenizer for models that came without one: token ids work, and the first text says what is missing.
import type { CheckpointError } from '../errors.ts';
import type { Tokenizer } from './tokenizer.ts';

/** @param reason thrown by whatever needs text */
export function noTokenizer(vocabularySize: number, reason: CheckpointError): Tokenizer {
  const refuse = (): never => {
    throw reason;
  };
  return { kind: 'none', vocabularySize, encode: refuse, decode: refuse, decoder: refuse, files: () => ({}) };
}
