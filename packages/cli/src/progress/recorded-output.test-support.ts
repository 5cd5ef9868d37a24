// Support for the tests of what is rewritten on a terminal: an output that keeps what is written to it, and a clock set by hand.
import { type Output, openOutput } from '../terminal/io.ts';

export interface RecordedOutput {
  readonly written: string[];
  readonly output: Output;
  readonly clock: { seconds: number };
  /** The clock, in seconds. */
  readonly now: () => number;
}

export function recordedOutput(isTTY: boolean, columns = 80): RecordedOutput {
  const written: string[] = [];
  const output = openOutput(
    { isTTY, columns, write: (text: string) => written.push(text) },
    { argv: [], environment: {} },
  );
  const clock = { seconds: 100 };
  return { written, output, clock, now: () => clock.seconds };
}
