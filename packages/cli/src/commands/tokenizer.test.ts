// The tokenizer commands and `pull`, run in this process with strings for the streams.
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { HippoError } from 'hippo';
import picocolors from 'picocolors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandEntry, commandEntry } from '../dispatch.ts';
import type { Output } from '../terminal/io.ts';

const entries = {
  train: commandEntry(() => import('./tokenizer-train.ts')),
  encode: commandEntry(() => import('./tokenizer-encode.ts')),
  decode: commandEntry(() => import('./tokenizer-decode.ts')),
  pull: commandEntry(() => import('./pull.ts')),
  model: commandEntry(() => import('./train.ts')),
};
let folder: string;
const at = (name: string): string => join(folder, name);
const text = 'To be, or not to be: that is the question. Whether tis nobler in the mind to suffer — ñandú 日本\n';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hippo-tokenizer-'));
  await writeFile(at('a.txt'), text.repeat(20));
  await writeFile(at('b.txt'), `${text}<|endoftext|>${text}`);
  await writeFile(at('empty.txt'), '');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(
  entry: CommandEntry,
  words: readonly string[],
  { input = [], environment = {} }: { input?: readonly Buffer[]; environment?: Record<string, string> } = {},
): Promise<{ readonly out: string; readonly err: string; readonly failed?: string }> {
  const written = { out: '', err: '' };
  const output = (key: 'out' | 'err'): Output => ({
    write: (piece) => {
      written[key] += piece;
    },
    line: (piece = '') => {
      written[key] += `${piece}\n`;
    },
    interactive: false,
    columns: 80,
    colors: picocolors.createColors(false),
  });
  const io = {
    out: output('out'),
    err: output('err'),
    input: Readable.from(input),
    environment,
    onInterrupt: () => new AbortController().signal,
  };
  const failed = await entry.run(words, io).then(
    () => undefined,
    (error: unknown) => (error instanceof HippoError ? `${error.code}: ${error.message}` : `not refused: ${error}`),
  );
  return { ...written, ...(failed !== undefined && { failed }) };
}
const bytesOf = (given: string): Buffer[] => Array.from(Buffer.from(given), (byte) => Buffer.of(byte));

describe('tokenizer train', () => {
  it('writes a folder that encode and decode take', async () => {
    const trained = await run(entries.train, [
      at('a.txt'),
      at('b.txt'),
      '--vocab-size',
      '300',
      '-o',
      at('t'),
      '--json',
    ]);
    expect(trained.failed).toBe(undefined);
    expect(JSON.parse(trained.out)).toMatchObject({ out: at('t'), vocabularySize: 300 });
    expect((await readdir(at('t'))).sort()).toEqual(['tokenizer.json', 'tokenizer_config.json']);
    // Byte by byte through stdin: no character may be cut.
    const encoded = await run(entries.encode, ['-', '--tokenizer', at('t')], { input: bytesOf(text) });
    const ids = JSON.parse(encoded.out) as number[];
    expect(ids.length).toBeLessThan(Buffer.byteLength(text));
    const decoded = await run(entries.decode, ['-', '--tokenizer', at('t')], { input: bytesOf(encoded.out) });
    expect(decoded.out).toBe(text);
    const marked = await run(entries.encode, ['a<|endoftext|>b', '--tokenizer', at('t'), '--documents']);
    expect(JSON.parse(marked.out)).toEqual([97, 299, 98]);
  });

  it('says when the text gives fewer tokens than asked for', async () => {
    const { err } = await run(entries.train, [at('b.txt'), '--vocab-size', '100000', '--out', at('few')]);
    expect(err).toMatch(/no pair is left that stands 2 times: \d+ tokens, not 100000/);
  });

  it('refuses what it cannot do', async () => {
    const train = async (...words: string[]) => (await run(entries.train, words)).failed;
    expect(await train(at('a.txt'), '--out', folder)).toContain('folder-exists');
    expect(await train(at('empty.txt'), '--out', at('x'))).toContain('tokenizer train: ');
    expect(await train(at('missing.txt'), '--out', at('x'))).toContain('tokenizer train: ');
    expect(await train('--out', at('x'))).toContain('missing-argument');
    expect(await train(at('a.txt'), '--out', at('x'), '--vocab-size', '257', '--special-tokens', 'a,b')).toContain(
      'must leave room for 256 bytes and 2 special tokens; got 257',
    );
  });
});

describe('tokenizer encode and decode', () => {
  it('take the built-in ones by name', async () => {
    expect((await run(entries.encode, ['To be', '--tokenizer', 'gpt2'])).out).toBe('[2514,307]\n');
    expect((await run(entries.encode, ['', '--tokenizer', 'bytes'])).out).toBe('[]\n');
    for (const ids of ['[2514, 307]', '2514,307', '2514 307'])
      expect((await run(entries.decode, [ids, '--tokenizer', 'gpt2'])).out).toBe('To be');
  });

  it('refuse names that are none, folders without a tokenizer, and ids that are none', async () => {
    const encode = async (name: string) => (await run(entries.encode, ['a', '--tokenizer', name])).failed;
    expect(await encode('gpt-2')).toBe(
      'tokenizer: tokenizer encode, --tokenizer: must be byte, gpt2, or a folder; got "gpt-2", which is not there. Did you mean gpt2?',
    );
    expect(await encode('constructor')).toContain('which is not there');
    expect(await encode(folder)).toContain('no-model');
    const decode = async (ids: string) => (await run(entries.decode, [ids, '--tokenizer', 'byte'])).failed;
    expect(await decode('1,x')).toContain('got "x" as number 1');
    expect(await decode('[1,,300]')).toContain('id 300, outside the vocabulary');
  });
});

describe('train --tokenizer', () => {
  it('lists what it takes', async () => {
    const { failed } = await run(entries.model, [at('a.txt'), '--out', at('run'), '--tokenizer', 'charcter']);
    expect(failed).toContain(
      'train, --tokenizer: must be character, byte, gpt2, or a folder; got "charcter", which is not there. Did you mean character?',
    );
  });
});

describe('pull', () => {
  it('prints the folder, and how far it is on stderr', async () => {
    const content = '{"model_type":"hippo"}';
    const blobId = createHash('sha1').update(`blob ${content.length}\0${content}`).digest('hex');
    const server = createServer((request, response) => {
      if (!request.url?.startsWith('/api/')) response.end(content);
      else {
        response.setHeader('content-type', 'application/json');
        const siblings = [{ rfilename: 'config.json', size: content.length, blobId }];
        response.end(JSON.stringify({ sha: 'a'.repeat(40), siblings }));
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const environment = {
      HF_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      HF_HOME: at('hub-home'),
    };
    const pulled = await run(entries.pull, ['org/model', '--file', 'config.json'], { environment });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(pulled).toEqual({
      out: `${at(`hub-home/hub/models--org--model/snapshots/${'a'.repeat(40)}`)}\n`,
      err: expect.stringContaining('config.json (1 of 1)'),
    });
    const cached = await run(entries.pull, ['org/model'], { environment });
    expect(cached.out).toBe(pulled.out);
    expect(cached.err).toContain('cannot be reached; got');
  });

  it('asks nobody when it is told to be offline, and says what is missing', async () => {
    const environment = { HF_HUB_OFFLINE: '1', HF_HOME: folder };
    const { failed, out } = await run(entries.pull, ['org/model'], { environment });
    expect(failed).toContain('hub-offline: org/model: HF_HUB_OFFLINE is set, and the cache has no org/model');
    expect(out).toBe('');
    expect((await run(entries.pull, ['org model'], { environment })).failed).toContain('repository-name');
  });
});
