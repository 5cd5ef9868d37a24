// What a repository holds at a revision: its commit, and the name, size and hash of each file, in one request.
import { HubError } from '../../errors.ts';
import { hashPattern } from './content-hash.ts';
import { commitPattern } from './hub-cache.ts';
import type { HubEnvironment } from './hub-environment.ts';
import { askHub, noConnection } from './hub-request.ts';
import type { RepositoryName } from './repository-name.ts';

export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of a large file, git's blob id of a small one; see content-hash.ts. */
  readonly hash: string;
}

export interface RepositoryListing {
  readonly commit: string;
  /** Names of the files, and what the list says of them; mirrors may leave size and hash out. */
  readonly files: readonly (Pick<HubFile, 'path'> & Partial<HubFile>)[];
}

/** @throws HubError as `askHub`, and `hub-answer` for what is no list of files. */
export async function listRepository(
  environment: HubEnvironment,
  repository: RepositoryName,
  signal: AbortSignal | undefined,
): Promise<RepositoryListing> {
  const { name, revision } = repository;
  const url = `${environment.endpoint}/api/models/${name}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const { response } = await askHub(environment, repository, { url, signal });
  const type = response.headers.get('content-type') ?? 'nothing';
  const answer: unknown = await response.json().catch((error: Error) => {
    if (error instanceof SyntaxError) return undefined;
    throw signal?.aborted ? error : noConnection(environment.endpoint, error);
  });
  const { sha, siblings } = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
  if (typeof sha !== 'string' || !commitPattern.test(sha) || !Array.isArray(siblings)) {
    throw new HubError(
      'hub-answer',
      `${url}: must answer with a commit and a list of files; got ${type}. A login page of the network, or a server that is no hub, answers so: check HF_ENDPOINT (${environment.endpoint}).`,
      { url, type },
    );
  }
  return { commit: sha, files: siblings.map((entry: unknown) => readEntry(url, entry)) };
}

function readEntry(url: string, entry: unknown): RepositoryListing['files'][number] {
  // Whatever is missing or of another type is checked below, or asked for later.
  const { rfilename, size, blobId, lfs } = (entry ?? {}) as Record<string, unknown>;
  if (typeof rfilename !== 'string' || !isInside(rfilename)) {
    throw new HubError(
      'hub-answer',
      `${url}: files must lie inside the repository; got ${JSON.stringify(rfilename)}.`,
      {
        url,
        file: rfilename,
      },
    );
  }
  const large = (lfs ?? undefined) as Record<string, unknown> | undefined;
  const hash = large === undefined ? blobId : (large.sha256 ?? large.oid);
  const bytes = large?.size ?? size;
  return {
    path: rfilename,
    ...(typeof bytes === 'number' && { size: bytes }),
    ...(typeof hash === 'string' && hashPattern.test(hash) && { hash }),
  };
}

/** A relative path without a way out of its folder, on any system. */
function isInside(path: string): boolean {
  return /^[^\\:\0]+$/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** Where a file is fetched from. */
export function fileUrl({ endpoint }: HubEnvironment, name: string, commit: string, path: string): string {
  return `${endpoint}/${name}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** Size and hash of a file, asked of the hub where the list did not say. @throws HubError as `askHub`, `hub-answer`. */
export async function describeFile(
  environment: HubEnvironment,
  repository: RepositoryName,
  {
    commit,
    file,
    signal,
  }: {
    readonly commit: string;
    readonly file: RepositoryListing['files'][number];
    readonly signal?: AbortSignal | undefined;
  },
): Promise<HubFile> {
  const { path } = file;
  if (file.size !== undefined && file.hash !== undefined) return { path, size: file.size, hash: file.hash };
  const url = fileUrl(environment, repository.name, commit, path);
  const { described } = await askHub(environment, repository, { url, file: path, method: 'HEAD', signal });
  const hash = (described.get('x-linked-etag') ?? described.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '');
  const size = Number(described.get('x-linked-size') ?? described.get('content-length') ?? Number.NaN);
  if (hashPattern.test(hash) && Number.isInteger(size)) return { path, size, hash };
  throw new HubError(
    'hub-answer',
    `${url}: must say the file's size and hash, without which it cannot be checked; got ${JSON.stringify(hash)} of ${size} bytes. Check HF_ENDPOINT (${environment.endpoint}).`,
    { url, hash, size },
  );
}
