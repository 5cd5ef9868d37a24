// What the command line tells the shell, and how an error becomes a code and a text on stderr.
import { HippoError, UsageError } from 'hippo';

/** 0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C (128 + SIGINT). */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The code for an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
}

/** A Hippo error is one sentence, with its stack only when debugging; anything else is a defect and shows where it came from. */
export function describeError(error: unknown, { debug }: { readonly debug: boolean }): string {
  if (!(error instanceof Error)) return `hippo: something threw ${String(error)}, which is no Error.`;
  const stack = error.stack ?? `${error.name}: ${error.message}`;
  const causes = error.cause === undefined ? '' : `\ncaused by ${describeCause(error.cause)}`;
  if (!(error instanceof HippoError)) return `hippo: unexpected ${stack}${causes}`;
  return `hippo: ${error.message}${debug ? `\n${stack}${causes}` : ''}`;
}

function describeCause(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
