// Pulling from a server that behaves as a hub does, and as bad networks do. The hub itself is not asked.
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeInSnapshot } from './hub-cache.ts';
import { hubEnvironment } from './hub-environment.ts';
import { type Asked, type FakeHub, hashOf, openFakeHub, refuse } from './hub-server.test-support.ts';
import { cachedSnapshot, type PullOptions, type PullProgress, pull } from './pull.ts';
import { resolveModelPath } from './resolve-model-path.ts';

const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));
const settings = Buffer.from('{"model_type":"hippo"}\n');

let root: string;
let hub: FakeHub;
let notes: string[];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hippo-hub-'));
  hub = await openFakeHub({
    'config.json': settings,
    'model.safetensors': weights,
    'pytorch_model.bin': Buffer.alloc(5000),
    'README.md': Buffer.from('# Model'),
    'onnx/config.json': Buffer.from('{}'),
  });
  notes = [];
});
afterEach(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const environment = (more: Record<string, string> = {}) => ({ HF_ENDPOINT: hub.endpoint, HF_HOME: root, ...more });
const get = (options: PullOptions & { readonly name?: string } = {}): Promise<string> =>
  pull(options.name ?? 'org/model', {
    environment: environment(),
    onNote: (note) => notes.push(note),
    retryPause: 1,
    ...options,
  });
const failure = (options: Parameters<typeof get>[0] = {}): Promise<unknown> =>
  get(options).then(
    (folder) => `pulled ${folder}`,
    (error: unknown) => error,
  );
const cache = (...path: string[]): string => join(root, 'hub', 'models--org--model', ...path);
const blob = (bytes: Buffer): string => cache('blobs', hashOf(bytes));
const asked = (pick: (request: Asked) => boolean): Asked[] => hub.asked.filter(pick);
const ofWeights = ({ server }: Asked): boolean => server === 'store';
// Comparing element by element takes seconds.
const expectWeights = async (folder: string): Promise<void> =>
  expect((await readFile(join(folder, 'model.safetensors'))).equals(weights)).toBe(true);
/** Misbehaves once, at the first request that matches. */
const once = (matches: (request: Asked) => boolean, act: NonNullable<FakeHub['trouble']>): void => {
  hub.trouble = (request, response) => {
    if (!matches(request)) return false;
    hub.trouble = undefined;
    return act(request, response);
  };
};

describe('pull', () => {
  it("fills the ecosystem's cache with the model's files and gives the snapshot's folder", async () => {
    const progress: PullProgress[] = [];
    const folder = await get({ onProgress: (step) => progress.push(step) });
    expect(folder).toBe(cache('snapshots', hub.commit));
    expect((await readdir(folder)).sort()).toEqual(['config.json', 'model.safetensors']);
    await expectWeights(folder);
    expect(await readlink(join(folder, 'config.json'))).toBe(`../../blobs/${hashOf(settings)}`);
    expect((await readdir(cache('blobs'))).sort()).toEqual([hashOf(settings), hashOf(weights)].sort());
    expect(await readFile(cache('refs', 'main'), 'utf8')).toBe(hub.commit);
    expect(progress.at(-1)).toEqual({ file: 'model.safetensors', done: 300_000, size: 300_000, number: 2, files: 2 });
    expect(notes).toEqual([]);
  });

  it('fetches nothing twice', async () => {
    await get();
    hub.asked.length = 0;
    await get();
    expect(hub.asked.map(({ path }) => path)).toEqual(['/api/models/org/model/revision/main?blobs=true']);
    // A later commit shares the files that did not change.
    hub.commit = 'b'.repeat(40);
    hub.files['config.json'] = Buffer.from('{}');
    expect(await readFile(join(await get(), 'config.json'), 'utf8')).toBe('{}');
    expect(asked(ofWeights)).toEqual([]);
    expect(await readFile(cache('refs', 'main'), 'utf8')).toBe(hub.commit);
  });

  it('takes a revision, and files by name and pattern, in folders too', async () => {
    const folder = await get({ name: `org/model@refs/pr/1`, files: ['*.json', 'README.md'] });
    expect((await readdir(folder)).sort()).toEqual(['README.md', 'config.json', 'onnx']);
    expect(await readlink(join(folder, 'onnx', 'config.json'))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\//);
    expect(await readFile(cache('refs', 'refs', 'pr', '1'), 'utf8')).toBe(hub.commit);
    const pinned = await get({ revision: hub.commit, files: ['config.json'] });
    expect([pinned, await cachedSnapshot(`org/model@${hub.commit}`, { environment: environment() })]).toEqual([
      folder,
      folder,
    ]);
    expect(await failure({ files: ['confg.json'] })).toMatchObject({
      code: 'hub-missing',
      message:
        'org/model: there is no file "confg.json". Did you mean "config.json"? It has config.json, model.safetensors, pytorch_model.bin, README.md, onnx/config.json.',
    });
  });

  it('takes empty files too', async () => {
    hub.files['empty.json'] = Buffer.alloc(0);
    expect(await readFile(join(await get(), 'empty.json'), 'utf8')).toBe('');
  });

  it('takes weights in the format that is there', async () => {
    delete hub.files['model.safetensors'];
    expect((await readdir(await get())).sort()).toEqual(['config.json', 'pytorch_model.bin']);
    delete hub.files['pytorch_model.bin'];
    expect(await failure()).toMatchObject({ code: 'hub-missing' });
  });

  it('asks file by file where the list has no hashes', async () => {
    hub.bare = true;
    const folder = await get();
    await expectWeights(folder);
    expect((await readdir(cache('blobs'))).sort()).toEqual([hashOf(settings), hashOf(weights)].sort());
    expect(asked(({ method }) => method === 'HEAD').length).toBeGreaterThan(1);
  });

  it('sends the token to the hub alone', async () => {
    await get({ environment: environment({ HF_TOKEN: 'secret' }) });
    expect(asked(({ server }) => server === 'hub').map(({ authorization }) => authorization)).toEqual([
      'Bearer secret',
      'Bearer secret',
      'Bearer secret',
    ]);
    expect(asked(ofWeights).map(({ authorization }) => authorization)).toEqual([undefined]);
    await writeFile(join(root, 'token'), 'stored\n');
    await get({ files: ['README.md'] });
    expect(hub.asked.at(-1)).toMatchObject({ path: expect.stringContaining('README'), authorization: 'Bearer stored' });
  });
});

describe('a connection that breaks', () => {
  /** Sends the first bytes of what was asked for and hangs up. */
  const breakAt = (bytes: number): void =>
    once(ofWeights, ({ range }, response) => {
      const start = Number(/\d+/.exec(range ?? '0')?.[0]);
      response.writeHead(range === undefined ? 200 : 206, { 'content-length': weights.length - start });
      response.write(weights.subarray(start, start + bytes), () => setTimeout(() => response.destroy(), 20));
      return true;
    });

  it('is taken up where it broke', async () => {
    breakAt(100_000);
    const folder = await get();
    await expectWeights(folder);
    const [first, second, ...more] = asked(ofWeights).map(({ range }) => range);
    expect([first, more]).toEqual([undefined, []]);
    // How much of what was sent arrives before the end of a broken connection is up to the system.
    const start = Number(/^bytes=(\d+)-$/.exec(second ?? '')?.[1]);
    expect(start).toBeGreaterThan(0);
    expect(start).toBeLessThanOrEqual(100_000);
    expect((await readdir(cache('blobs'))).some((name) => name.endsWith('.incomplete'))).toBe(false);
  });

  it('leaves what has come for the next call, also when that was another tool', async () => {
    await mkdir(cache('blobs'), { recursive: true });
    await writeFile(`${blob(weights)}.incomplete`, weights.subarray(0, 200_000));
    await expectWeights(await get());
    expect(asked(ofWeights).map(({ range }) => range)).toEqual(['bytes=200000-']);
  });

  it('begins again where the server knows no ranges, or where there is too much', async () => {
    await mkdir(cache('blobs'), { recursive: true });
    await writeFile(`${blob(weights)}.incomplete`, Buffer.alloc(1000));
    once(ofWeights, (_, response) => {
      response.writeHead(200, { 'content-length': weights.length }).end(weights);
      return true;
    });
    await expectWeights(await get());
    await rm(blob(weights));
    await writeFile(`${blob(weights)}.incomplete`, Buffer.alloc(weights.length + 1));
    await expectWeights(await get());
  });

  it('is given up after some attempts that bring nothing, and says so', async () => {
    hub.trouble = (request, response) => {
      if (!ofWeights(request)) return false;
      response.destroy();
      return true;
    };
    expect(await failure()).toMatchObject({
      code: 'hub-unreachable',
      message: expect.stringContaining('it goes on where it stopped'),
    });
    expect(asked(ofWeights)).toHaveLength(5);
    // The branch was not moved to a snapshot that is not whole.
    expect(await cachedSnapshot('org/model', { environment: environment() })).toBe(undefined);
    hub.trouble = undefined;
    await get();
  });

  it('is not confused with a disk that takes nothing', async () => {
    await mkdir(`${blob(weights)}.incomplete`, { recursive: true });
    expect(await failure()).toMatchObject({ name: 'CheckpointError', code: 'write-failed' });
  });

  it('can be ended by the caller, and what has come stays', async () => {
    const controller = new AbortController();
    once(ofWeights, (_, response) => {
      response.writeHead(200, { 'content-length': weights.length });
      response.write(weights.subarray(0, 50_000));
      return true;
    });
    const ended = await failure({
      signal: controller.signal,
      onProgress: ({ done }) => done === 50_000 && controller.abort(),
    });
    expect(ended).toMatchObject({ name: 'AbortError' });
    expect((await readFile(`${blob(weights)}.incomplete`)).length).toBe(50_000);
  });
});

describe('what is not the file', () => {
  it.each([
    ['large', 'model.safetensors', weights],
    ['small', 'config.json', settings],
  ])('with a wrong hash is refused and removed: a %s one', async (_, path, bytes) => {
    const wrong = Buffer.from(bytes);
    wrong[10] = (wrong[10] ?? 0) ^ 1;
    const matches = ({ server, path: requested }: Asked): boolean =>
      requested.endsWith(path) && (path === 'config.json' || server === 'store');
    once(matches, (_request, response) => {
      response.writeHead(200, { 'content-length': wrong.length }).end(wrong);
      return true;
    });
    expect(await failure()).toMatchObject({
      name: 'HubError',
      code: 'hub-damaged',
      message: expect.stringMatching(/must have the hash [0-9a-f]+; what came has [0-9a-f]+, and was removed/),
    });
    const left = await readdir(cache('blobs'));
    expect(left.filter((name) => name.startsWith(hashOf(bytes)))).toEqual([]);
    expect((await readFile(join(await get(), path))).equals(bytes)).toBe(true);
  });

  it('is refused when it is a web page, a wrong length, or more than was said', async () => {
    const page = '<html>Log in</html>';
    once(ofWeights, (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
      return true;
    });
    expect(String(await failure())).toContain('must answer with the file; got a web page. A login page of the network');
    once(ofWeights, (_, response) => {
      response.writeHead(200, { 'content-length': 5 }).end('short');
      return true;
    });
    expect(String(await failure())).toContain("must answer with the file's 300000 bytes; got 5 bytes");
    once(ofWeights, (_, response) => {
      response.writeHead(200).end(Buffer.alloc(weights.length + 5));
      return true;
    });
    expect(String(await failure())).toContain('model.safetensors: must have 300000 bytes; the server sends more');
    expect(await readdir(cache('blobs'))).toEqual([hashOf(settings)]);
    await writeFile(`${blob(weights)}.incomplete`, weights.subarray(0, 1000));
    once(ofWeights, (_, response) => {
      response.writeHead(206, { 'content-range': `bytes 0-${weights.length - 1}/${weights.length}` }).end(weights);
      return true;
    });
    expect(String(await failure())).toMatch(/must go on at byte 1000; got bytes 0-/);
  });

  it('is refused when the list is a web page', async () => {
    hub.trouble = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
      return true;
    };
    expect(await failure()).toMatchObject({ code: 'hub-answer', message: expect.stringContaining('got text/html') });
  });

  it.each(['../../outside', '/etc/passwd', 'a\\..\\b', 'a/./b', ''])(
    'is refused when it would lie at %j',
    async (path) => {
      hub.files[path] = settings;
      expect(await failure()).toMatchObject({
        code: 'hub-answer',
        message: expect.stringContaining('files must lie inside the repository'),
      });
    },
  );
});

describe('refusals', () => {
  const always = (status: number, code: string): void => {
    hub.trouble = (_, response) => {
      refuse(response, status, code);
      return true;
    };
  };
  const withToken = () => ({ environment: environment({ HF_TOKEN: 'secret' }) });

  it.each([
    [403, 'GatedRepo', undefined, /gated.*Accept its conditions at http.*\/org\/model, then set HF_TOKEN/],
    [401, 'GatedRepo', undefined, /gated.*then set HF_TOKEN/],
    [403, 'GatedRepo', 'token', /gated.*with the account that HF_TOKEN belongs to/],
    [401, '', undefined, /there is no such model, or it is private.*set HF_TOKEN/],
    [401, 'RepoNotFound', 'token', /there is no such model, or it is private.*account of HF_TOKEN may not read it/],
    [404, 'RevisionNotFound', undefined, /there is no such revision "main"/],
    [404, '', undefined, /there is no such model/],
    [400, '', undefined, /answered 400/],
  ] as const)('%d %s is explained', async (status, code, token, sentence) => {
    always(status, code);
    const error = await failure(token === undefined ? {} : withToken());
    expect(error).toMatchObject({ name: 'HubError' });
    expect(String(error)).toMatch(sentence);
    expect(String(error)).not.toContain('secret');
  });

  it('of a file, as gated models answer after they gave their list', async () => {
    hub.trouble = ({ path }, response) => {
      if (!path.includes('/resolve/')) return false;
      refuse(response, 401, 'GatedRepo');
      return true;
    };
    expect(String(await failure())).toMatch(/org\/model, config\.json: is gated/);
  });

  it('are not asked for with a name that is none', async () => {
    for (const name of [
      'org/../model',
      'org/model/more',
      'org/mo del',
      '..',
      'a--b/c',
      'org/model@a@b',
      'org/model@..',
    ])
      expect(await failure({ name })).toMatchObject({ name: 'UsageError', code: 'repository-name' });
    expect(String(await failure({ name: 'org/model@v1', revision: 'v2' }))).toContain('got "org/model@v1" at "v2"');
    expect(hub.asked).toEqual([]);
  });
});

describe('without a network', () => {
  it('the cached copy is used, and a sentence says so', async () => {
    const folder = await get();
    await hub[Symbol.asyncDispose]();
    expect(await get()).toBe(folder);
    expect(notes).toEqual([expect.stringMatching(/cannot be reached; got .*Using the cached copy of org\/model: /)]);
    expect(await failure({ name: 'org/other' })).toMatchObject({ code: 'hub-unreachable' });
    expect(await failure({ files: ['README.md'] })).toMatchObject({ code: 'hub-unreachable' });
  });

  it('also when no answer comes in time', async () => {
    const folder = await get();
    hub.trouble = () => true;
    expect(await get({ environment: environment({ HF_HUB_ETAG_TIMEOUT: '0.1' }) })).toBe(folder);
    expect(notes).toEqual([expect.stringContaining('no answer in 0.1 s')]);
  });

  it('also when the hub is there but ill', async () => {
    const folder = await get();
    hub.trouble = (_, response) => {
      refuse(response, 503, '');
      return true;
    };
    expect(await get()).toBe(folder);
    expect(notes).toHaveLength(1);
  });

  it('HF_HUB_OFFLINE asks nobody', async () => {
    const offline = { environment: environment({ HF_HUB_OFFLINE: '1' }) };
    expect(await failure(offline)).toMatchObject({
      code: 'hub-offline',
      message:
        'org/model: HF_HUB_OFFLINE is set, and the cache has no org/model at "main". Unset it to fetch the model.',
    });
    expect(hub.asked).toEqual([]);
    const folder = await get();
    hub.asked.length = 0;
    expect(await get(offline)).toBe(folder);
    expect(notes).toEqual([`HF_HUB_OFFLINE is set. Using the cached copy of org/model: ${folder}`]);
    expect(await failure({ ...offline, files: ['README.md'] })).toMatchObject({
      message: expect.stringContaining('the cache has no README.md of it'),
    });
    expect(hub.asked).toEqual([]);
  });
});

describe('the cache', () => {
  it('holds copies where the system makes no links', async () => {
    const refuseLinks = async (): Promise<void> => {
      throw Object.assign(new Error('operation not permitted'), { code: 'EPERM' });
    };
    await get();
    const path = join(root, 'snapshots', 'file');
    await placeInSnapshot(blob(settings), path, refuseLinks);
    expect((await lstat(path)).isSymbolicLink()).toBe(false);
    expect(await readFile(path)).toEqual(settings);
    const full = async (): Promise<void> => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    };
    await expect(placeInSnapshot(blob(settings), `${path}2`, full)).rejects.toThrow('no space');
    // Such a cache of another tool has no blobs: its files count.
    await rm(blob(weights));
    await rm(cache('snapshots', hub.commit, 'model.safetensors'));
    await writeFile(cache('snapshots', hub.commit, 'model.safetensors'), weights);
    hub.asked.length = 0;
    await get();
    expect(asked(ofWeights)).toEqual([]);
  });

  it('lies where the environment says', async () => {
    const place = async (variables: Record<string, string>): Promise<string> => (await hubEnvironment(variables)).cache;
    expect(await place({ HF_HOME: '/a' })).toBe('/a/hub');
    expect(await place({ HF_HOME: '/a', HF_HUB_CACHE: '/b' })).toBe('/b');
    expect(await place({ XDG_CACHE_HOME: '/c' })).toBe('/c/huggingface/hub');
    expect(await place({ HF_HOME: '~/x' })).toMatch(/^\/.*\/x\/hub$/);
    expect(await place({})).toMatch(/\.cache\/huggingface\/hub$/);
    expect(await hubEnvironment({ HF_HUB_OFFLINE: 'True', HF_ENDPOINT: 'http://mirror//' })).toMatchObject({
      offline: true,
      endpoint: 'http://mirror',
    });
    expect(await hubEnvironment({ HF_HUB_OFFLINE: '0' })).toMatchObject({ offline: false });
  });
});

describe('resolveModelPath', () => {
  it('takes what is on the disk first, then the cache, and leaves the rest as it is', async () => {
    const folder = await get();
    const resolve = (path: string): Promise<string> => resolveModelPath(path, { environment: environment() });
    expect(await resolve('org/model')).toBe(folder);
    expect(await resolve('hf:org/model')).toBe(folder);
    expect(await resolve(`hf:org/model@${hub.commit}`)).toBe(folder);
    expect(await resolve(root)).toBe(root);
    for (const path of ['org/other', 'runs/first/checkpoints', './org/model', 'model'])
      expect(await resolve(path)).toBe(path);
    await expect(resolve('hf:org/other')).rejects.toThrow('Fetch it with `hippo pull org/other`');
    await expect(resolve('hf:no such')).rejects.toMatchObject({ code: 'repository-name' });
  });
});
