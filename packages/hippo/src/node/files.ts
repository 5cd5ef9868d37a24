// Files in Node: reading by range, and writing so that a full disk or a kill at any moment leaves what was there before readable.
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { ByteSource } from '../checkpoint/safetensors.ts';
import { CheckpointError } from '../errors.ts';

/** A source over a file, which stays open until it is closed. */
export async function openFileSource(path: string): Promise<ByteSource & AsyncDisposable> {
  const handle = await open(path, 'r').catch((cause: Error) => {
    throw new CheckpointError(
      'unreadable',
      `${path}: cannot be opened; got ${cause.message}.`,
      { file: path },
      { cause },
    );
  });
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw new CheckpointError('unreadable', `${path}: must be a file; got a folder or a device.`, { file: path });
  }
  const { size } = stats;
  return {
    name: path,
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, 1 << 30), offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

type Pieces = Iterable<string | Uint8Array> | AsyncIterable<Uint8Array>;

/** Says what could not be written, and lets the error of whatever made the content pass. */
async function writing<T>(path: string, work: Promise<T>): Promise<T> {
  return work.catch((cause: Error) => {
    throw new CheckpointError(
      'write-failed',
      `${path}: could not be written; got ${cause.message}. What was saved before is as it was. Free some space, or choose a place that takes files.`,
      { file: path },
      { cause },
    );
  });
}

/**
 * Writes pieces to a new file and waits until they are on the disk.
 * @throws CheckpointError `write-failed`; what the pieces throw passes.
 */
export async function writeDurably(path: string, pieces: Pieces): Promise<void> {
  const handle: FileHandle = await writing(path, open(path, 'w'));
  try {
    for await (const piece of pieces) await writing(path, handle.writeFile(piece));
    await writing(path, handle.sync());
  } finally {
    await writing(path, handle.close());
  }
}

/** Makes renames inside a folder durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a file in one step: readers see the old content or the new one, never a part. */
export async function replaceFile(path: string, pieces: Pieces): Promise<void> {
  const temporary = `${path}.new`;
  try {
    await writeDurably(temporary, pieces);
    await writing(path, rename(temporary, path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

const newSuffix = '.new';
const oldSuffix = '.old';

/**
 * Replaces a folder: `fill` writes into a sibling that then takes its place. A kill before the first rename leaves the old folder
 * where it was; between the two renames it stands under `.old`, where `recoverFolder` finds it.
 * @throws CheckpointError `write-failed`; what `fill` throws passes.
 */
export async function replaceFolder(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  // Without a slash at the end, which would put the siblings inside.
  const folder = resolve(path);
  const parent = dirname(folder);
  const [fresh, old] = [folder + newSuffix, folder + oldSuffix];
  await writing(parent, mkdir(parent, { recursive: true }));
  await recoverFolder(folder);
  await rm(fresh, { recursive: true, force: true });
  await writing(fresh, mkdir(fresh));
  try {
    await fill(fresh);
    await syncFolder(fresh);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  }
  const existed = await exists(folder);
  if (existed) await writing(folder, rename(folder, old));
  await writing(folder, rename(fresh, folder));
  await syncFolder(parent);
  if (existed) await rm(old, { recursive: true, force: true });
}

/** Puts a folder back that a kill left under its `.old` name, and removes what is left of an unfinished write. */
export async function recoverFolder(path: string): Promise<void> {
  const folder = resolve(path);
  const old = folder + oldSuffix;
  if (!(await exists(old))) return;
  if (await exists(folder)) await rm(old, { recursive: true, force: true });
  else await rename(old, folder);
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false;
      throw error;
    },
  );
}

/** Names of the folders inside `folder` that match, unfinished writes left out. */
export async function foldersIn(folder: string, pattern: RegExp): Promise<string[]> {
  if (!(await exists(folder))) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  // A folder that only stands under `.old` was complete before the kill: recover it first.
  for (const name of names) if (name.endsWith(oldSuffix)) await recoverFolder(join(folder, basename(name, oldSuffix)));
  return (await readdir(folder)).filter((name) => pattern.test(name)).sort();
}
