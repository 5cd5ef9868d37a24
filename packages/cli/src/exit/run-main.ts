// Between the process and a main function: outputs, Ctrl-C, closed pipes, errors and the exit code. The process is never cut off
// in the middle of its output: the code is set, and Node ends when everything is written.
import { type CommandIo, openOutput } from '../terminal/io.ts';
import { describeError, exitCodeOf, exitCodes } from './exit-code.ts';

/** Runs one command line; returns the exit code. */
export type Main = (argv: readonly string[], io: CommandIo) => Promise<number>;

/** `| head` closes stdout when it has enough: a quiet end. Losing stderr only loses messages, never the work. */
function guardStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.done);
    process.stderr.write(`hippo: stdout: cannot be written to; got ${error.message}. The output is not complete.\n`);
    process.exit(exitCodes.failed);
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/** Ctrl-C ends at once, unless the command asked to end well; then only the second one does. */
function watchInterrupt(say: (text: string) => void) {
  const controller = new AbortController();
  let note: string | undefined;
  const onSignal = (): void => {
    if (note === undefined || controller.signal.aborted) process.exit(exitCodes.interrupted);
    say(`\nhippo: ${note}; press Ctrl-C again to stop at once`);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  const onInterrupt = (text: string): AbortSignal => {
    note = text;
    return controller.signal;
  };
  return { signal: controller.signal, onInterrupt, stop: () => void process.off('SIGINT', onSignal) };
}

/** Runs `main` with the process's arguments and sets `process.exitCode`. Never rejects. */
export async function runMain(main: Main): Promise<void> {
  guardStreams();
  const argv = process.argv.slice(2);
  const environment = process.env;
  const err = openOutput(process.stderr, { argv, environment });
  const interrupt = watchInterrupt(err.line);
  const io: CommandIo = {
    out: openOutput(process.stdout, { argv, environment }),
    err,
    input: process.stdin,
    environment,
    onInterrupt: interrupt.onInterrupt,
  };
  try {
    const code = await main(argv, io);
    process.exitCode = interrupt.signal.aborted && code === exitCodes.done ? exitCodes.interrupted : code;
  } catch (error) {
    if (interrupt.signal.aborted && error instanceof Error && error.name === 'AbortError') {
      process.exitCode = exitCodes.interrupted;
    } else {
      err.line(describeError(error, { debug: Boolean(environment.HIPPO_DEBUG) }));
      process.exitCode = exitCodeOf(error);
    }
  } finally {
    interrupt.stop();
  }
}
