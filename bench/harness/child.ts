// Contestants that are processes of their own: native libraries, and peers that set their threads once a process. Each reads
// lines and answers each with one: "values i j …" with those elements of the result of a run, "run N" with the seconds of N runs.
// It starts with "ready VERSION", or with "unavailable REASON".
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Contestant } from './contest.ts';
import { Unavailable } from './errors.ts';

export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

interface Child {
  readonly version: string;
  ask(request: string): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** A contestant in a process. `error` compares elements of the result with float64. */
export function childContestant(options: {
  readonly name: string;
  readonly threads: number;
  readonly start: () => ChildCommand | Promise<ChildCommand>;
  readonly error: (values: (places: readonly number[]) => Promise<readonly number[]>) => Promise<number>;
}): Contestant {
  const { name, threads, start, error } = options;
  return {
    name,
    threads,
    prepare: async () => {
      const child = await openChild(await start());
      const sample = async (repeats: number): Promise<number> => (await child.ask(`run ${repeats}`))[0] ?? Number.NaN;
      return {
        version: child.version,
        check: () => error((places) => child.ask(`values ${places.join(' ')}`)),
        run: async () => void (await sample(1)),
        sample,
        dispose: () => child.close(),
      };
    },
  };
}

/** @throws Unavailable when there is no such program, or it says that it cannot take part. */
async function openChild({ command, args, environment = process.env }: ChildCommand): Promise<Child> {
  const child = spawn(command, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = endOf(child, command);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await Promise.race([lines.next(), ended.then(() => undefined)]);
    if (next && !next.done) return next.value;
    await ended;
    throw new Error(`${command} ${args.join(' ')}: it ended before it answered.`);
  };
  const close = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  const first = await line();
  if (first.startsWith('unavailable ')) {
    await close();
    throw new Unavailable(first.slice('unavailable '.length));
  }
  const ask = async (request: string): Promise<readonly number[]> => {
    child.stdin.write(`${request}\n`);
    return (await line()).trim().split(' ').map(Number);
  };
  return { version: first.replace(/^ready /, ''), ask, close };
}

/** Resolves when the process has ended well; rejects with what it wrote to its standard error. */
function endOf(child: ChildProcessWithoutNullStreams, command: string): Promise<void> {
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', () => reject(new Unavailable(`${command} is not installed`)));
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command} failed: ${complaint}`))));
  });
  ended.catch(() => {}); // seen by whoever waits for a line
  return ended;
}
