// Kills at random moments while a folder is replaced again and again. Slow, since every round starts a process.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChild } from './child.test-support.ts';
import { recoverFolder } from './files.ts';

const names = ['a', 'b', 'c'];

describe('replaceFolder', () => {
  it('leaves a whole folder whenever it is killed', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'hippo-kill-'));
    const target = join(parent, 'm');
    for (let round = 0; round < 8; round++) {
      const { signal } = await runChild(
        `import { writeFile } from 'node:fs/promises';
         import { replaceFolder } from './files.ts';
         for (let version = 0; ; version++) {
           await replaceFolder(${JSON.stringify(target)}, async (path) => {
             for (const name of ${JSON.stringify(names)}) await writeFile(path + '/' + name, String(version));
           });
           if (version === 0) console.log('first');
         }`,
        { onOutput: (_, child) => setTimeout(() => child.kill('SIGKILL'), Math.random() * 15) },
      );
      expect(signal).toBe('SIGKILL');
      await recoverFolder(target);
      const versions = await Promise.all(names.map((name) => readFile(join(target, name), 'utf8')));
      expect(new Set(versions).size, String(versions)).toBe(1);
    }
    await rm(parent, { recursive: true });
  });
});
