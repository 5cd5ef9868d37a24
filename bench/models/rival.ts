// How a suite and the programs it compares talk: each program is a process that prints {"ready": name} and then, for every line it
// reads, does one training step and prints one line of JSON. So the steps of several programs can take turns on one machine.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface StepReport {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly seconds: number;
  /** The most memory the process has held so far. */
  readonly residentBytes: number;
  /** Bytes of the step's plan, where there is one. */
  readonly planBytes?: number;
}

/** The program's side: answers every line with a step's report. */
export async function serve(
  name: string,
  step: () => Promise<Omit<StepReport, 'seconds' | 'residentBytes'>>,
): Promise<void> {
  console.log(JSON.stringify({ ready: name }));
  for await (const _ of createInterface({ input: process.stdin })) {
    const started = performance.now();
    const result = await step();
    const seconds = (performance.now() - started) / 1000;
    console.log(JSON.stringify({ ...result, seconds, residentBytes: process.resourceUsage().maxRSS * 1024 }));
  }
}

/** The suite's side of one running program. */
export interface Rival extends AsyncDisposable {
  readonly name: string;
  step(): Promise<StepReport>;
}

/** Starts a program and waits until it is ready. Its errors go to stderr. */
export async function startRival(command: string, words: readonly string[]): Promise<Rival> {
  const { OPENBLAS_CORETYPE: _core, OPENBLAS_L2_SIZE: _cache, ...env } = process.env;
  const child = spawn(command, words, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done)
      throw new Error(`${command} ${words.join(' ')}: the program ended without an answer; see its errors above.`);
    return JSON.parse(line.value);
  };
  const { ready } = (await next()) as { readonly ready: string };
  return {
    name: ready,
    async step() {
      child.stdin.write('\n');
      return (await next()) as StepReport;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
