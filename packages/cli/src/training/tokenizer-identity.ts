// What a run remembers of its tokenizer, so that a resumed run cannot go on with another one.
import { createHash } from 'node:crypto';
import type { Tokenizer } from 'hippo';

/** The kind alone where it says all (the alphabet follows from the text), else with a hash of the files. */
export function tokenizerIdentity(tokenizer: Tokenizer): string {
  const { kind } = tokenizer;
  if (kind !== 'json' && kind !== 'byte-pairs') return kind;
  const hash = createHash('sha256');
  for (const [name, text] of Object.entries(tokenizer.files()).sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name}\0${text}\0`);
  return `${kind} ${hash.digest('hex').slice(0, 16)}`;
}
