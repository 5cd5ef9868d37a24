// The two hashes by which a hub names contents: large files by their SHA-256, small ones by git's blob id, the SHA-1 of
// `blob <size>` and a zero byte, and then the content.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** 64 hexadecimal digits: SHA-256; 40: a git blob. */
export const hashPattern = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/** The hash of a file of this size, of the same kind as `like`. */
export async function fileHash(
  path: string,
  { like, size, signal }: { readonly like: string; readonly size: number; readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const hash = createHash(like.length === 64 ? 'sha256' : 'sha1');
  if (like.length !== 64) hash.update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(chunk);
  return hash.digest('hex');
}
