// What a command talks to: two outputs, the input, the environment, and the promise of a graceful end. Commands take this
// instead of `process`, so that a test can hand them strings.
import picocolors from 'picocolors';
import type { Colors } from 'picocolors/types.js';
import { wantsColor } from './color-choice.ts';

export interface Output {
  /** Writes as is. */
  readonly write: (text: string) => void;
  /** Writes and ends the line. */
  readonly line: (text?: string) => void;
  /** A terminal that can rewrite a line (a TTY, and not TERM=dumb). */
  readonly interactive: boolean;
  /** Columns of the terminal; 80 when there is none. */
  readonly columns: number;
  readonly colors: Colors;
}

export interface CommandIo {
  /** Data: what a program may read. */
  readonly out: Output;
  /** Everything else: progress, logs, warnings. */
  readonly err: Output;
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * From now on the first Ctrl-C aborts the returned signal and says `note` ("finishing the step"); the second ends the process.
   * A command that never calls this ends at the first.
   */
  readonly onInterrupt: (note: string) => AbortSignal;
}

export interface OutputOptions {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Wraps a stream of the process. */
export function openOutput(stream: TextStream, { argv, environment }: OutputOptions): Output {
  const isTerminal = stream.isTTY === true;
  return {
    write: (text) => void stream.write(text),
    line: (text = '') => void stream.write(`${text}\n`),
    interactive: isTerminal && environment.TERM !== 'dumb',
    get columns() {
      return stream.columns ?? 80;
    },
    colors: picocolors.createColors(wantsColor({ argv, environment, isTerminal })),
  };
}
