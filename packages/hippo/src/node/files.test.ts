// Writing promises: what stood in a place before stays readable whatever happens while it is replaced.
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runChild } from './child.test-support.ts';
import { foldersIn, openFileSource, recoverFolder, replaceFile, replaceFolder } from './files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hippo-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const listed = async (path = folder): Promise<string[]> => (await readdir(path)).sort();
const fillWith = (content: string) => (path: string) => writeFile(join(path, 'content'), content);

describe('openFileSource', () => {
  it('reads ranges, and fewer bytes at the end', async () => {
    await writeFile(join(folder, 'a'), 'hippopotamus');
    await using source = await openFileSource(join(folder, 'a'));
    expect(source.size).toBe(12);
    expect(Buffer.from(await source.read(5, 3)).toString()).toBe('pot');
    expect(await source.read(0, 0)).toHaveLength(0);
    expect(await source.read(10, 5)).toHaveLength(2);
  });

  it.each(['nowhere', '.'])('refuses %s', async (name) => {
    await expect(openFileSource(join(folder, name))).rejects.toMatchObject({
      name: 'CheckpointError',
      code: 'unreadable',
    });
  });
});

describe('replaceFile', () => {
  it('writes and replaces, and leaves nothing else', async () => {
    for (const text of ['one', 'two', '']) {
      await replaceFile(join(folder, 'a'), [text]);
      expect(await readFile(join(folder, 'a'), 'utf8')).toBe(text);
    }
    expect(await listed()).toEqual(['a']);
  });

  it('keeps the old file when the pieces fail, and says why', async () => {
    await writeFile(join(folder, 'a'), 'old');
    async function* pieces() {
      yield Buffer.from('new');
      throw new Error('the store is gone');
    }
    await expect(replaceFile(join(folder, 'a'), pieces())).rejects.toThrow('the store is gone');
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('old');
    expect(await listed()).toEqual(['a']);
  });

  it('keeps the old file when the disk takes no more', async () => {
    await writeFile(join(folder, 'a'), 'old');
    const { code, output } = await runChild(
      `import { replaceFile } from './files.ts';
       const failure = await replaceFile(${JSON.stringify(join(folder, 'a'))}, [Buffer.alloc(20_000, 1), Buffer.alloc(200_000, 2)]).catch((error) => error);
       console.log(failure.name, failure.code, failure.message);`,
      { fileKilobytes: 64 },
    );
    expect(output).toMatch(/^CheckpointError write-failed .*a\.new: could not be written; got EFBIG.*Free some space/);
    expect(code).toBe(0);
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('old');
    expect(await listed()).toEqual(['a']);
  });

  it('keeps the old file when it is killed halfway, and the next write cleans up', async () => {
    await writeFile(join(folder, 'a'), 'old');
    const { signal } = await runChild(
      `import { replaceFile } from './files.ts';
       async function* pieces() {
         yield Buffer.alloc(100_000, 1);
         console.log('halfway');
         await new Promise((resolve) => setTimeout(resolve, 60_000));
       }
       await replaceFile(${JSON.stringify(join(folder, 'a'))}, pieces());`,
      { onOutput: (output, child) => output.includes('halfway') && child.kill('SIGKILL') },
    );
    expect(signal).toBe('SIGKILL');
    expect(await listed()).toEqual(['a', 'a.new']);
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('old');
    await replaceFile(join(folder, 'a'), ['newer']);
    expect([await listed(), await readFile(join(folder, 'a'), 'utf8')]).toEqual([['a'], 'newer']);
  });

  it('says which folder takes no files', async () => {
    await expect(replaceFile(join(folder, 'nowhere', 'a'), ['x'])).rejects.toMatchObject({
      name: 'CheckpointError',
      code: 'write-failed',
    });
  });
});

describe('replaceFolder', () => {
  const content = async (name = 'm'): Promise<string> => readFile(join(folder, name, 'content'), 'utf8');

  it('writes and replaces, whole, also with a slash at the end and in folders that are not there yet', async () => {
    await replaceFolder(join(folder, 'm'), fillWith('one'));
    await writeFile(join(folder, 'm', 'left over'), '');
    await replaceFolder(`${join(folder, 'm')}/`, fillWith('two'));
    expect([await content(), await listed(join(folder, 'm')), await listed()]).toEqual(['two', ['content'], ['m']]);
    await replaceFolder(join(folder, 'deep', 'deeper'), fillWith('three'));
    expect(await content('deep/deeper')).toBe('three');
  });

  it('keeps the old folder when filling fails', async () => {
    await replaceFolder(join(folder, 'm'), fillWith('old'));
    const failure = replaceFolder(join(folder, 'm'), async (path) => {
      await fillWith('new')(path);
      throw new Error('no space');
    });
    await expect(failure).rejects.toThrow('no space');
    expect([await content(), await listed()]).toEqual(['old', ['m']]);
  });

  it('gives the old folder back when a kill fell between the two renames', async () => {
    await replaceFolder(join(folder, 'm'), fillWith('old'));
    await rename(join(folder, 'm'), join(folder, 'm.old'));
    await mkdir(join(folder, 'm.new'));
    expect(await foldersIn(folder, /^m$/)).toEqual(['m']);
    expect(await content()).toBe('old');
    await replaceFolder(join(folder, 'm'), fillWith('new'));
    expect([await content(), await listed()]).toEqual(['new', ['m']]);
  });

  it('forgets the old folder when the kill fell after both renames', async () => {
    await replaceFolder(join(folder, 'm'), fillWith('new'));
    await replaceFolder(join(folder, 'm.old'), fillWith('old'));
    await recoverFolder(join(folder, 'm'));
    expect([await content(), await listed()]).toEqual(['new', ['m']]);
  });
});

describe.runIf(process.getuid?.() !== 0)('a folder without permission', () => {
  it('is named in the error', async () => {
    await chmod(folder, 0o500);
    await expect(replaceFile(join(folder, 'a'), ['x'])).rejects.toMatchObject({ code: 'write-failed' });
    await chmod(folder, 0o700);
  });
});
