// The line of the user's own program that is making a node. The stack is captured now and put into words when someone asks, which for
// most nodes nobody does: the words cost more than all else of making a node.

// Frames of this library are skipped, so that the line named is the user's own; tests of the library count as users.
// A bundler that took the folder for a file to copy would change its address.
const libraryFolder = new URL(/* @vite-ignore */ '../', import.meta.url);
const libraryPlaces = [libraryFolder.href, decodeURIComponent(libraryFolder.pathname)];

const deepest = 40;

/**
 * Captures the stack above `below`.
 * @returns finds `folder/file.ts:41`, the first frame outside this library; '' where there is none.
 */
export function callerSource(below: (...given: never[]) => unknown): () => string {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = deepest;
  Error.captureStackTrace?.(holder, below);
  Error.stackTraceLimit = limit;
  return () => firstOutside(holder.stack ?? '');
}

function firstOutside(stack: string): string {
  const outside = stack
    .split('\n')
    .slice(1)
    .find((frame) => !isLibraryFrame(frame));
  const match = outside?.match(/\(?([^\s(]+):(\d+):\d+\)?$/);
  if (!match?.[1]) return '';
  const file = match[1].replace(/^file:\/\//, '').split('/');
  return `${file.slice(-2).join('/')}:${match[2]}`;
}

function isLibraryFrame(frame: string): boolean {
  if (/\.test\.[tj]s/.test(frame)) return false;
  return libraryPlaces.some((place) => frame.includes(place));
}
