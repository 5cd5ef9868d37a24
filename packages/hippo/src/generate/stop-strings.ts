// Ends a text at the first stop string, which is not part of it. Text that could be the beginning of one is held back until the
// next pieces decide, so what comes out does not depend on where the pieces were cut. Of several, the one that is complete first
// counts; of those that end together, the longest.
import { UsageError } from '../errors.ts';

export interface StopFilter {
  /** The text that is certain after this piece, and the stop string if one is now complete; nothing may be pushed after that. */
  push(piece: string): { readonly text: string; readonly stop?: string };
  /** What was held back, when no more pieces come. */
  end(): string;
}

/** @throws UsageError `stop-string` for an empty string. */
export function stopFilter(stops: readonly string[], who = 'generate'): StopFilter {
  if (stops.includes(''))
    throw new UsageError('stop-string', `${who}: a stop string must have at least one character; got "".`);
  let pending = '';
  return {
    push(piece) {
      pending += piece;
      const found = firstComplete(pending, stops);
      const length = found ? found.start : pending.length - heldLength(pending, stops);
      const text = pending.slice(0, length);
      pending = found ? '' : pending.slice(length);
      return { text, ...(found && { stop: found.stop }) };
    },
    end() {
      const text = pending;
      pending = '';
      return text;
    },
  };
}

function firstComplete(text: string, stops: readonly string[]): { start: number; stop: string } | undefined {
  let best: { start: number; stop: string } | undefined;
  for (const stop of stops) {
    const start = text.indexOf(stop);
    if (start < 0) continue;
    const later = best && start + stop.length - (best.start + best.stop.length);
    if (best === undefined || later === undefined || later < 0 || (later === 0 && start < best.start))
      best = { start, stop };
  }
  return best;
}

/** Characters at the end of `text` that some stop string begins with. */
function heldLength(text: string, stops: readonly string[]): number {
  const longest = Math.max(0, ...stops.map((stop) => stop.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const tail = text.slice(text.length - length);
    if (stops.some((stop) => stop.length > length && stop.startsWith(tail))) return length;
  }
  return 0;
}
