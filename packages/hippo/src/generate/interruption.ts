// Where a generation can be stopped. Computing on the host never leaves the current task, so without a turn of the event loop now
// and then no timer, signal or other request would be heard until the last token.

/** Milliseconds of computing between two turns of the event loop. */
const interval = 10;

/** To be awaited where stopping is possible. @throws the signal's reason when it is aborted. */
export type Interruption = () => Promise<void>;

export function interruption(signal: AbortSignal | undefined): Interruption {
  let last = performance.now();
  return async () => {
    signal?.throwIfAborted();
    if (performance.now() - last < interval) return;
    await eventTurn();
    last = performance.now();
    signal?.throwIfAborted();
  };
}

/** Browsers have no setImmediate, and a timer is slower by a millisecond or more. */
function eventTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
