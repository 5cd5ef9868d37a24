import { describe, expect, it } from 'vitest';
import { childContestant } from './child.ts';
import { Unavailable } from './errors.ts';

/** A contestant whose process runs this JavaScript. */
const contestant = (script: string, command = process.execPath) =>
  childContestant({
    name: 'child',
    threads: 1,
    start: () => ({ command, args: ['-e', script] }),
    error: async (values) => Math.max(...(await values([3, 5])).map((value, i) => Math.abs(value - [9, 25][i]!))),
  });

const squares = `
  console.log('ready 1.2 (test)');
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const [kind, ...words] = line.split(' ');
    console.log(kind === 'values' ? words.map((x) => x * x).join(' ') : Number(words[0]) / 8);
  });`;

describe('childContestant', () => {
  it('asks for elements and seconds, and ends the process', async () => {
    const prepared = await contestant(squares).prepare();
    expect(prepared.version).toBe('1.2 (test)');
    expect(await prepared.check()).toBe(0);
    expect(await prepared.sample?.(4)).toBe(0.5);
    await prepared.dispose?.();
  });

  it('is unavailable where the program is missing or says so', async () => {
    const missing = contestant('', '/nowhere/program').prepare();
    await expect(missing).rejects.toThrow(Unavailable);
    await expect(missing).rejects.toThrow('/nowhere/program is not installed');
    const declined = contestant(`console.log('unavailable libthing is not installed')`).prepare();
    await expect(declined).rejects.toThrow(Unavailable);
    await expect(declined).rejects.toThrow(/^libthing is not installed$/);
  });

  it('fails with what the process complained of', async () => {
    await expect(contestant(`throw new Error('out of luck')`).prepare()).rejects.toThrow('out of luck');
    await expect(contestant('').prepare()).rejects.toThrow('it ended before it answered');
  });
});
