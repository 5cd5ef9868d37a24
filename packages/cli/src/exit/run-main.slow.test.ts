// The built command line as a process: exit codes, Ctrl-C, closed pipes. Needs `npm run build`, which `npm test` does first.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const built = new URL('../../dist/exit/run-main.js', import.meta.url).href;
/** Imports in source text given to Node are looked up from the directory it runs in. */
const directory = fileURLToPath(new URL('../..', import.meta.url));
const binary = fileURLToPath(new URL('../../bin/hippo.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(
  args: readonly string[],
  environment: Record<string, string> = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, args, {
    cwd: directory,
    env: { ...process.env, NO_COLOR: '1', ...environment },
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return {
    child,
    ended: once(child, 'close').then(([code]) => ({ code: typeof code === 'number' ? code : null, out, err })),
  };
}

/** Runs a main function given as source text. */
function startMain(body: string, environment: Record<string, string> = {}) {
  const source = `import { runMain } from ${JSON.stringify(built)}; import { HippoError, UsageError } from 'hippo';
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    await runMain(async (argv, io) => { ${body} });`;
  return start(['--input-type=module', '--eval', source], environment);
}

describe('runMain', () => {
  it('hands on codes and writes all of a long output', async () => {
    const { code, out } = await startMain(`for (let i = 0; i < 200000; i++) io.out.line(String(i)); return 1;`).ended;
    expect(code).toBe(1);
    expect(out.endsWith('199999\n')).toBe(true);
  });

  it('says an error in one sentence, with its stack only for HIPPO_DEBUG', async () => {
    const body = `throw new UsageError('x', 'a rule; got b.');`;
    expect(await startMain(body).ended).toEqual({ code: 2, out: '', err: 'hippo: a rule; got b.\n' });
    expect((await startMain(body, { HIPPO_DEBUG: '1' }).ended).err).toContain('    at ');
    const defect = await startMain(`null.x;`).ended;
    expect(defect).toMatchObject({ code: 1 });
    expect(defect.err).toContain('hippo: unexpected TypeError');
  });

  it('ends quietly when the reader of a pipe has enough', async () => {
    const { child, ended } = startMain(`for (;;) { io.out.line('x'.repeat(1000)); await pause(1); }`);
    child.stdout?.once('data', () => child.stdout?.destroy());
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });

  it('ends at the first Ctrl-C when nobody asked for more', async () => {
    const { child, ended } = startMain(`io.err.line('ready'); await pause(60000); return 0;`);
    child.stderr?.once('data', () => child.kill('SIGINT'));
    expect((await ended).code).toBe(130);
  });

  it('finishes at the first Ctrl-C when asked to, and says so', async () => {
    const body = `const signal = io.onInterrupt('finishing the step'); io.err.line('ready');
      while (!signal.aborted) await pause(5);
      io.out.line('saved'); return 0;`;
    const { child, ended } = startMain(body);
    child.stderr?.once('data', () => child.kill('SIGINT'));
    const { code, out, err } = await ended;
    expect(code).toBe(130);
    expect(out).toBe('saved\n');
    expect(err).toContain('hippo: finishing the step; press Ctrl-C again to stop at once');
  });

  it('counts an AbortError after Ctrl-C as interrupted, and a failure to save as a failure', async () => {
    const head = `const signal = io.onInterrupt('x'); io.err.line('ready'); while (!signal.aborted) await pause(5);`;
    const aborted = startMain(`${head} signal.throwIfAborted();`);
    aborted.child.stderr?.once('data', () => aborted.child.kill('SIGINT'));
    expect((await aborted.ended).code).toBe(130);
    const failed = startMain(`${head} throw new HippoError('disk', 'no room.');`);
    failed.child.stderr?.once('data', () => failed.child.kill('SIGINT'));
    expect(await failed.ended).toMatchObject({ code: 1 });
  });

  it('stops at once at the second Ctrl-C', async () => {
    const { child, ended } = startMain(`io.onInterrupt('never'); io.err.line('ready'); await pause(60000);`);
    child.stderr?.on('data', () => child.kill('SIGINT'));
    expect((await ended).code).toBe(130);
  });
});

describe('bin/hippo.js', () => {
  it('is wired to the commands', async () => {
    expect(await start([binary, '--version']).ended).toMatchObject({ code: 0, err: '' });
    const help = await start([binary, '--help']).ended;
    expect(help).toMatchObject({ code: 0, err: '' });
    for (const name of [
      'train',
      'generate',
      'perplexity',
      'logits',
      'quantize',
      'info',
      'doctor',
      'synthetic',
      'remember',
      'first-light',
    ])
      expect(help.out).toMatch(new RegExp(`^  ${name} `, 'm'));
    const unknown = await start([binary, 'genrate']).ended;
    expect(unknown).toMatchObject({ code: 2, out: '' });
    expect(unknown.err).toContain('Did you mean `hippo generate`?');
  });
});
