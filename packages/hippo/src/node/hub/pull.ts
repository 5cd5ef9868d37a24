// Pulling a model from a hub into the ecosystem's cache, where its other tools find it too and where theirs is found.
import { join } from 'node:path';
import { HubError } from '../../errors.ts';
import { exists } from '../files.ts';
import { downloadBlob } from './download.ts';
import { chooseFiles } from './file-choice.ts';
import {
  blobPath,
  findSnapshot,
  holds,
  placeInSnapshot,
  repositoryFolder,
  snapshotFolder,
  writeReference,
} from './hub-cache.ts';
import { type Environment, type HubEnvironment, hubCache, hubEnvironment } from './hub-environment.ts';
import { unreachable } from './hub-request.ts';
import { describeFile, type HubFile, listRepository, type RepositoryListing } from './repository-files.ts';
import { parseRepository, type RepositoryName } from './repository-name.ts';

export interface PullProgress {
  readonly file: string;
  /** Bytes of the file that are there, and that it has. */
  readonly done: number;
  readonly size: number;
  /** The file's number among those that are pulled, from 1. */
  readonly number: number;
  readonly files: number;
}

export interface PullOptions {
  /** A branch, a tag or a commit, as after `@` in the name. Default `main`. */
  readonly revision?: string;
  /** File names, in which `*` stands for anything. Default: settings, tokenizer, and the weights in one format. */
  readonly files?: readonly string[];
  /** Environment variables. Default: those of the process. */
  readonly environment?: Environment;
  readonly onProgress?: (progress: PullProgress) => void;
  /** Called with a sentence when a copy in the cache is used unseen by the hub. */
  readonly onNote?: (note: string) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds to wait before a broken connection is tried again. Default 500. */
  readonly retryPause?: number;
}

/**
 * Brings a repository's files into the cache and checks their hashes; what is there already is not fetched again. Without a network,
 * or with HF_HUB_OFFLINE=1, the cached copy is used and `onNote` says so.
 * @param repository `org/name` or `org/name@revision`
 * @returns the folder of the snapshot
 * @throws UsageError `repository-name`; HubError `hub-offline`, `hub-unreachable`, `hub-refused` (401, 403, gated), `hub-missing`
 * (404), `hub-answer` (what is no hub's answer), `hub-damaged` (wrong hash); CheckpointError `write-failed`.
 */
export async function pull(repository: string, options: PullOptions = {}): Promise<string> {
  const { environment = process.env, files = [], onNote } = options;
  const name = parseRepository(repository, options.revision);
  const hub = await hubEnvironment(environment);
  if (hub.offline) {
    return fromCache(hub, name, files, {
      onNote,
      why: 'HF_HUB_OFFLINE is set.',
      failure: (found) =>
        new HubError('hub-offline', `${name.name}: HF_HUB_OFFLINE is set, and ${found}. Unset it to fetch the model.`, {
          ...name,
        }),
    });
  }
  let listing: RepositoryListing;
  try {
    listing = await listRepository(hub, name, options.signal);
  } catch (error) {
    if (!(error instanceof HubError) || error.code !== unreachable) throw error;
    return fromCache(hub, name, files, { onNote, why: error.message, failure: () => error });
  }
  return fetchSnapshot(hub, name, listing, options);
}

/** The folder of a snapshot that is in the cache, whole or not; undefined when there is none. */
export async function cachedSnapshot(
  repository: string,
  { environment = process.env, revision }: Pick<PullOptions, 'environment' | 'revision'> = {},
): Promise<string | undefined> {
  return findSnapshot(hubCache(environment), parseRepository(repository, revision));
}

async function fetchSnapshot(
  hub: HubEnvironment,
  name: RepositoryName,
  listing: RepositoryListing,
  options: PullOptions,
): Promise<string> {
  const paths = listing.files.map(({ path }) => path);
  const chosen = new Set(chooseFiles(name.name, paths, options.files ?? []));
  const wanted = listing.files.filter(({ path }) => chosen.has(path));
  for (const [index, file] of wanted.entries()) {
    await fetchFile(hub, name, { commit: listing.commit, file, number: index + 1, files: wanted.length }, options);
  }
  const repository = repositoryFolder(hub.cache, name.name);
  // Last, so that a branch never points at a snapshot that was not pulled to its end.
  await writeReference(repository, name.revision, listing.commit);
  return snapshotFolder(repository, listing.commit);
}

async function fetchFile(
  hub: HubEnvironment,
  name: RepositoryName,
  {
    commit,
    file: listed,
    number,
    files,
  }: {
    readonly commit: string;
    readonly file: RepositoryListing['files'][number];
    readonly number: number;
    readonly files: number;
  },
  { signal, onProgress, retryPause = 500 }: PullOptions,
): Promise<void> {
  const file: HubFile = await describeFile(hub, name, { commit, file: listed, signal });
  const repository = repositoryFolder(hub.cache, name.name);
  const blob = blobPath(repository, file.hash);
  const report = (done: number) => onProgress?.({ file: file.path, done, size: file.size, number, files });
  const path = join(snapshotFolder(repository, commit), file.path);
  // Where systems make no links, other tools keep the file here and no blob.
  if (!(await holds(path, file.size))) {
    if (!(await holds(blob, file.size))) {
      const download = { environment: hub, repository: name, commit, file, blob, onBytes: report, signal };
      await downloadBlob({ ...download, pause: retryPause });
    }
    await placeInSnapshot(blob, path);
  }
  report(file.size);
}

/** The cached snapshot, when it holds what was asked for. */
async function fromCache(
  { cache }: HubEnvironment,
  name: RepositoryName,
  asked: readonly string[],
  {
    onNote,
    why,
    failure,
  }: {
    readonly onNote: ((note: string) => void) | undefined;
    readonly why: string;
    readonly failure: (found: string) => HubError;
  },
): Promise<string> {
  const folder = await findSnapshot(cache, name);
  if (folder === undefined) throw failure(`the cache has no ${name.name} at ${JSON.stringify(name.revision)}`);
  for (const file of asked) {
    if (!file.includes('*') && !(await exists(join(folder, file)))) throw failure(`the cache has no ${file} of it`);
  }
  onNote?.(`${why} Using the cached copy of ${name.name}: ${folder}`);
  return folder;
}
