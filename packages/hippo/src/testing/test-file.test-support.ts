// Reads a file that lies beside the tests, in Node from the disk and in a browser from the server of the tests: suites that need
// golden tensors run in both.

/** True in a page: no worker threads that the calling thread could wait for, no files. */
export const inBrowser: boolean = typeof window !== 'undefined';

/** @param url made from the test's own address: `new URL('../../testdata/name', import.meta.url)`. */
export async function readTestFile(url: URL): Promise<Uint8Array> {
  if (!inBrowser) {
    const { readFile } = await import('node:fs/promises');
    return readFile(url);
  }
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`test: ${url.href} cannot be read: ${answer.status} ${answer.statusText}.`);
  return new Uint8Array(await answer.arrayBuffer());
}
