// Where long work can be stopped. Computing on the host never leaves the current task, so without a turn of the event loop now and
// then no timer, signal (Ctrl-C) or other request would be heard until the end. A turn costs up to a millisecond where there is
// only a timer for it, so short pieces of work share one.

/** Milliseconds of computing between two turns of the event loop. */
const interval = 10;

/** To be awaited between two pieces of work: takes a turn of the event loop when one is due. */
export function eventTurns(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < interval) return;
    await eventTurn();
    last = performance.now();
  };
}

/** To be awaited where stopping is possible. @throws the signal's reason when it is aborted. */
export type Interruption = () => Promise<void>;

export function interruption(signal: AbortSignal | undefined): Interruption {
  const turn = eventTurns();
  return async () => {
    signal?.throwIfAborted();
    await turn();
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
