// One file of a hub into a blob of the cache. What has come stays in `<hash>.incomplete` and is gone on with, after a broken connection
// or by the next call; a file gets its name only when its size and hash are right.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CheckpointError, HubError } from '../../errors.ts';
import { fileHash } from './content-hash.ts';
import type { HubEnvironment } from './hub-environment.ts';
import { askHub, noConnection, unreachable } from './hub-request.ts';
import { fileUrl, type HubFile } from './repository-files.ts';
import type { RepositoryName } from './repository-name.ts';

export interface Download {
  readonly environment: HubEnvironment;
  readonly repository: RepositoryName;
  readonly commit: string;
  readonly file: HubFile;
  /** Where the blob goes. */
  readonly blob: string;
  /** Called with the bytes that are there. */
  readonly onBytes?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds before the second attempt; twice as many before each one after. */
  readonly pause: number;
}

/** Attempts in a row that bring nothing before it gives up. */
const mostAttempts = 5;

const damaged = 'hub-damaged';

/** @throws HubError `hub-unreachable`, `hub-refused`, `hub-missing`, `hub-answer`, `hub-damaged`; CheckpointError `write-failed`. */
export async function downloadBlob(download: Download): Promise<void> {
  const { file, blob, signal } = download;
  const partial = `${blob}.incomplete`;
  await mkdir(dirname(blob), { recursive: true });
  if ((await sizeOf(partial)) > file.size) await rm(partial);
  let idle = 0;
  for (let done = await sizeOf(partial); done < file.size || !(await present(partial)); ) {
    const failure = await fetchRest(download, partial, done).catch((error: unknown) => error);
    const before = done;
    done = await sizeOf(partial);
    if (failure === undefined) continue;
    idle = done > before ? 0 : idle + 1;
    const code = failure instanceof HubError ? failure.code : undefined;
    // Going on from wrong bytes could never make them right.
    if (code === damaged) await rm(partial, { force: true });
    if (code !== unreachable || idle >= mostAttempts || signal?.aborted) throw failure;
    await sleep(download.pause * 2 ** idle, undefined, { signal });
  }
  await verify(download, partial);
  await rename(partial, blob);
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );
const present = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Fetches from byte `start` on and appends it, or all of it where the server knows no ranges. */
async function fetchRest(download: Download, partial: string, start: number): Promise<void> {
  const { environment, repository, commit, file, signal } = download;
  const url = fileUrl(environment, repository.name, commit, file.path);
  const { response } = await askHub(environment, repository, {
    url,
    file: file.path,
    signal,
    headers: start > 0 ? { range: `bytes=${start}-` } : {},
  });
  const from = response.status === 206 ? start : 0;
  try {
    checkAnswer(response, { url, from, file });
  } catch (error) {
    await response.body?.cancel();
    throw error;
  }
  await append(response, { ...download, partial, from });
}

function checkAnswer(
  response: Response,
  { url, from, file }: { readonly url: string; readonly from: number; readonly file: HubFile },
): void {
  const type = response.headers.get('content-type') ?? '';
  const refuse = (rule: string, got: string): never => {
    throw new HubError(
      'hub-answer',
      `${url}: ${rule}; got ${got}. A login page of the network, or a server that is no hub, answers so: check the network and HF_ENDPOINT.`,
      { url, file: file.path, type },
    );
  };
  // A hub sends even the pages among its files as plain text.
  if (type.startsWith('text/html')) refuse('must answer with the file', 'a web page');
  const range = response.headers.get('content-range');
  if (response.status === 206 && range !== null && !range.startsWith(`bytes ${from}-`))
    refuse(`must go on at byte ${from}`, range);
  const length = response.headers.get('content-length');
  const plain = (response.headers.get('content-encoding') ?? 'identity') === 'identity';
  if (plain && length !== null && Number(length) !== file.size - from)
    refuse(`must answer with the file's ${file.size - from} bytes`, `${length} bytes`);
}

interface Appending extends Download {
  readonly partial: string;
  readonly from: number;
}

/** Writes the body at the end of the partial file. What came before the connection broke stays there. */
async function append(response: Response, { environment, file, partial, from, onBytes }: Appending): Promise<void> {
  const stream = createWriteStream(partial, { flags: from > 0 ? 'a' : 'w' });
  const written = finished(stream).catch((cause: Error) => {
    throw new CheckpointError(
      'write-failed',
      `${partial}: could not be written; got ${cause.message}. Free some space, or set HF_HOME to a place that takes files.`,
      { file: partial },
      { cause },
    );
  });
  // Awaited below; a failure before that is not unhandled.
  written.catch(() => undefined);
  let done = from;
  const failure = await copy().then(
    () => undefined,
    (error: unknown) => error,
  );
  stream.end();
  await written;
  if (failure !== undefined) throw failure;

  async function copy(): Promise<void> {
    for await (const chunk of chunksOf(response, environment.endpoint)) {
      done += chunk.length;
      if (done > file.size) {
        throw new HubError(
          damaged,
          `${file.path}: must have ${file.size} bytes; the server sends more. What came was removed: run it again.`,
          { file: file.path },
        );
      }
      if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), written]);
      onBytes?.(done);
    }
    if (done < file.size)
      throw noConnection(environment.endpoint, new Error(`the connection ended at byte ${done} of ${file.size}`));
  }
}

/** The body's pieces; a connection that breaks is one that can be tried again. */
async function* chunksOf(response: Response, who: string): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        if (error instanceof Error && error.name === 'AbortError') throw error;
        throw noConnection(who, error);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Removes what is not the file that the hub described. */
async function verify({ file, repository, signal }: Download, partial: string): Promise<void> {
  const hash = await fileHash(partial, { like: file.hash, size: file.size, signal });
  if (hash === file.hash) return;
  await rm(partial, { force: true });
  throw new HubError(
    damaged,
    `${repository.name}, ${file.path}: must have the hash ${file.hash}; what came has ${hash}, and was removed. Run it again; if that fails too, something on the way changes the file.`,
    { repository: repository.name, file: file.path, expected: file.hash, got: hash },
  );
}
