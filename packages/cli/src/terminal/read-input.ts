// Everything on stdin, as text.
import type { CommandIo } from './io.ts';

/** Reads to the end. Characters may be cut anywhere between two pieces, so bytes are joined before they are decoded. */
export async function readInput({ input }: Pick<CommandIo, 'input'>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of input) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString('utf8');
}
