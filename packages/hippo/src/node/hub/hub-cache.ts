// The ecosystem's cache of hub repositories, shared with its other tools:
//   models--org--name/blobs/<hash>                         contents by their hash
//   models--org--name/snapshots/<commit>/<file>            links to ../../blobs/<hash>
//   models--org--name/refs/<revision>                      the commit of a branch or tag
import { copyFile, mkdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { exists, replaceFile } from '../files.ts';
import type { RepositoryName } from './repository-name.ts';

export const commitPattern = /^[0-9a-f]{40}$/;

/** The folder of a repository in the cache. */
export function repositoryFolder(cache: string, name: string): string {
  return join(cache, `models--${name.replaceAll('/', '--')}`);
}

export const blobPath = (repository: string, hash: string): string => join(repository, 'blobs', hash);

export const snapshotFolder = (repository: string, commit: string): string => join(repository, 'snapshots', commit);

/** The snapshot that the cache has of a repository's revision; undefined when it has none. */
export async function findSnapshot(cache: string, { name, revision }: RepositoryName): Promise<string | undefined> {
  const repository = repositoryFolder(cache, name);
  const commit = commitPattern.test(revision)
    ? revision
    : (await readFile(join(repository, 'refs', revision), 'utf8').catch(() => '')).trim();
  if (!commitPattern.test(commit)) return undefined;
  const folder = snapshotFolder(repository, commit);
  return (await exists(folder)) ? folder : undefined;
}

/** Notes which commit a branch or tag is at. */
export async function writeReference(repository: string, revision: string, commit: string): Promise<void> {
  if (commitPattern.test(revision)) return;
  const path = join(repository, 'refs', revision);
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, [commit]);
}

/** Whether the snapshot's file is there and has this size. */
export async function holds(path: string, size: number): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile() && found.size === size,
    () => false,
  );
}

type MakeLink = (target: string, path: string) => Promise<void>;

/**
 * Gives a blob its name in a snapshot: a relative link, or a copy where the system makes no links (Windows without developer mode).
 * @param makeLink how links are made; tests give one that fails.
 */
export async function placeInSnapshot(blob: string, path: string, makeLink: MakeLink = symlink): Promise<void> {
  const target = relative(dirname(path), blob);
  if ((await readlink(path).catch(() => '')) === target) return;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.new`;
  await rm(temporary, { force: true });
  try {
    await makeLink(target, temporary);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOSYS' && code !== 'ENOTSUP' && code !== 'UNKNOWN') throw error;
    await copyFile(blob, temporary);
  }
  await rename(temporary, path);
}
