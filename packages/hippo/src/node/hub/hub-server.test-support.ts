// A server on this machine that answers as a model hub does: a list of files with hashes, small files from itself, large ones by a
// redirection to a second server. It can be told to misbehave, and keeps a record of what it was asked.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly server: 'hub' | 'store';
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export interface FakeHub extends AsyncDisposable {
  readonly endpoint: string;
  readonly asked: Asked[];
  /** What the repository holds: files above 1,000 bytes count as large. Change it freely. */
  readonly files: Record<string, Buffer>;
  /** Takes the next request that it returns true for. */
  trouble: ((request: Asked, response: ServerResponse) => boolean) | undefined;
  /** Leave sizes and hashes out of the list, as some mirrors do. */
  bare: boolean;
  commit: string;
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const blobId = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const isLarge = (bytes: Buffer): boolean => bytes.length > 1000;
export const hashOf = (bytes: Buffer): string => (isLarge(bytes) ? sha256(bytes) : blobId(bytes));

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });

/** A hub with one repository, `org/model`, whose branch `main` is at `commit`. */
export async function openFakeHub(files: Record<string, Buffer>): Promise<FakeHub> {
  const hub = createServer((request, response) => answer('hub', request, response));
  const store = createServer((request, response) => answer('store', request, response));
  const [endpoint, storeUrl] = [await listen(hub), await listen(store)];
  const fake: FakeHub = {
    endpoint,
    files,
    asked: [],
    trouble: undefined,
    bare: false,
    commit: 'c0ffee'.padEnd(40, '0'),
    async [Symbol.asyncDispose]() {
      await Promise.all([close(hub), close(store)]);
    },
  };
  return fake;

  function answer(server: Asked['server'], request: IncomingMessage, response: ServerResponse): void {
    const asked: Asked = {
      server,
      method: request.method ?? '',
      path: request.url ?? '',
      range: request.headers.range,
      authorization: request.headers.authorization,
    };
    fake.asked.push(asked);
    if (fake.trouble?.(asked, response)) return;
    if (server === 'store') sendFile(files[decodeURIComponent(asked.path.slice(1))], asked, response);
    else if (asked.path.startsWith('/api/models/')) sendList(asked.path, response);
    else resolveFile(asked, response);
  }

  function resolveFile(asked: Asked, response: ServerResponse): void {
    const [, commit, path] = /^\/org\/model\/resolve\/([^/]+)\/(.+)$/.exec(asked.path) ?? [];
    const bytes = commit === fake.commit && path !== undefined ? files[decodeURIComponent(path)] : undefined;
    response.setHeader('X-Repo-Commit', fake.commit);
    if (!bytes || path === undefined || !isLarge(bytes)) {
      sendFile(bytes, asked, response);
      return;
    }
    response.setHeader('X-Linked-Etag', `"${sha256(bytes)}"`);
    response.setHeader('X-Linked-Size', bytes.length);
    response.writeHead(302, { location: `${storeUrl}/${path}` }).end('Found');
  }

  function sendList(path: string, response: ServerResponse): void {
    const [, name = '', revision = ''] = /^\/api\/models\/(.+)\/revision\/([^/?]+)/.exec(path) ?? [];
    const known = ['main', 'refs/pr/1', fake.commit].includes(decodeURIComponent(revision));
    if (name !== 'org/model' || !known) {
      if (known) refuse(response, 401, 'RepoNotFound');
      else refuse(response, 404, 'RevisionNotFound');
      return;
    }
    const siblings = Object.entries(files).map(([rfilename, bytes]) => ({
      rfilename,
      ...(!fake.bare && { size: bytes.length, blobId: isLarge(bytes) ? 'f'.repeat(40) : blobId(bytes) }),
      ...(!fake.bare && isLarge(bytes) && { lfs: { sha256: sha256(bytes), size: bytes.length, pointerSize: 134 } }),
    }));
    response.setHeader('content-type', 'application/json; charset=utf-8');
    response.end(JSON.stringify({ id: name, sha: fake.commit, siblings }));
  }
}

export function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'X-Error-Code': code }).end('no');
}

function sendFile(bytes: Buffer | undefined, { range, method }: Asked, response: ServerResponse): void {
  if (!bytes) {
    refuse(response, 404, 'EntryNotFound');
    return;
  }
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  response.setHeader('ETag', `"${hashOf(bytes)}"`);
  response.setHeader('content-type', 'application/octet-stream');
  response.setHeader('content-length', bytes.length - start);
  if (range !== undefined)
    response.writeHead(206, { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` });
  response.end(method === 'HEAD' ? undefined : bytes.subarray(start));
}
