// Runs a plan: walks a table of kernel calls on the calling thread (thread 0) and shares the large ones with the workers.
// A table entry is four words: function table index, address of the arguments, parts (1: thread 0 alone), unused.
//
// Fork and join use two counters. Thread 0 writes the call into the control block and adds one to `go`; each worker does
// its part and adds one to `done`; thread 0 does part 0 and waits for all of them. A waiting thread first spins, since the
// next call is mostly microseconds away, and then sleeps, since the cores belong to others too. Whoever changes a counter
// wakes sleepers only when the flag beside it says that there are any: that flag is raised before the last look at the
// counter, which the wait instruction repeats, so no wake-up is lost.
//
// A system may wake a sleeper on the core of the thread that wakes it. Then two threads take turns on one core, and as one
// of them always sleeps, the scheduler sees nothing to move. So after 32 waits in a row that ended in sleep, thread 0
// once spins long enough for the scheduler to notice that two threads want to run. (Always spinning that long doubled the
// time of a plan when another process kept a core.)

// Byte offsets in the control block, one cache line for each writer.
const GO: usize = 0; // calls handed out, written by thread 0
const FUNCTION: usize = 4;
const ARGUMENTS: usize = 8;
const DONE: usize = 64; // parts finished by workers
const FAILED: usize = 68; // set when a worker trapped
const WORKERS_ASLEEP: usize = 128;
const MAIN_ASLEEP: usize = 192;
const SLEPT: usize = 200; // waits of thread 0 in a row that ended in sleep

const STOP: u32 = 0xffffffff; // as the function: leave the loop
const SPINS: i32 = 20000; // 10 to 40 µs
const LONG_SPINS: i32 = 4000000; // some milliseconds: a few ticks of a scheduler
const LONG_EVERY: i32 = 32;

/** Waits until the counter at `address` is no longer `old`. Returns whether it slept. */
function awaitChange(address: usize, old: i32, asleep: usize, spins: i32): bool {
  for (let i = 0; i < spins; i++) if (atomic.load<i32>(address) != old) return false;
  atomic.add<i32>(asleep, 1);
  while (atomic.load<i32>(address) == old) atomic.wait<i32>(address, old, -1);
  atomic.sub<i32>(asleep, 1);
  return true;
}

/** Thread 0's wait for the workers. */
function awaitWorkers(control: usize, done: i32): void {
  const slept = load<i32>(control + SLEPT);
  const spins = slept % LONG_EVERY == LONG_EVERY - 1 ? LONG_SPINS : SPINS;
  const sleeps = awaitChange(control + DONE, done, control + MAIN_ASLEEP, spins);
  store<i32>(control + SLEPT, sleeps ? (slept + 1) % LONG_EVERY : 0);
}

/** Hands a call to the workers. */
// @ts-ignore: decorator
@inline
function release(control: usize, fn: u32, args: u32): void {
  store<u32>(control + FUNCTION, fn);
  store<u32>(control + ARGUMENTS, args);
  atomic.add<i32>(control + GO, 1);
  if (atomic.load<i32>(control + WORKERS_ASLEEP)) atomic.notify(control + GO, -1);
}

/** Runs entries [from, to) on this thread alone: no atomics, so it also runs in unshared memory. */
export function engineRunAlone(table: usize, from: i32, to: i32): void {
  const end = table + ((<usize>to) << 4);
  for (let entry = table + ((<usize>from) << 4); entry < end; entry += 16) {
    call_indirect<void>(load<u32>(entry), <usize>load<u32>(entry + 4), <i32>0, <i32>1);
  }
}

/** Runs entries [from, to) with `parts` − 1 workers. Returns 1 when a worker failed, else 0. */
export function engineRun(control: usize, table: usize, from: i32, to: i32, parts: i32): i32 {
  const end = table + ((<usize>to) << 4);
  for (let entry = table + ((<usize>from) << 4); entry < end; entry += 16) {
    const fn = load<u32>(entry);
    const args = load<u32>(entry + 4);
    if (load<u32>(entry + 8) == 1) {
      call_indirect<void>(fn, <usize>args, <i32>0, <i32>1);
      continue;
    }
    let done = atomic.load<i32>(control + DONE);
    const target = done + parts - 1;
    release(control, fn, args);
    call_indirect<void>(fn, <usize>args, <i32>0, parts);
    done = atomic.load<i32>(control + DONE);
    while (done != target) {
      awaitWorkers(control, done);
      if (atomic.load<i32>(control + FAILED)) return 1;
      done = atomic.load<i32>(control + DONE);
    }
    if (atomic.load<i32>(control + FAILED)) return 1;
  }
  return 0;
}

/** The life of a worker: waits for calls and does part `part` of each, until told to stop. `go` must still be 0. */
export function engineWorker(control: usize, part: i32, parts: i32): void {
  let seen = 0;
  while (true) {
    awaitChange(control + GO, seen, control + WORKERS_ASLEEP, SPINS);
    seen += 1;
    const fn = load<u32>(control + FUNCTION);
    if (fn == STOP) return;
    call_indirect<void>(fn, <usize>load<u32>(control + ARGUMENTS), part, parts);
    atomic.add<i32>(control + DONE, 1);
    if (atomic.load<i32>(control + MAIN_ASLEEP)) atomic.notify(control + DONE, -1);
  }
}

/** Tells the workers to leave their loop. */
export function engineStop(control: usize): void {
  release(control, STOP, 0);
}

/** A worker's last word when a kernel trapped: lets thread 0 go on, and tells it. */
export function engineFail(control: usize): void {
  atomic.store<i32>(control + FAILED, 1);
  atomic.add<i32>(control + DONE, 1);
  atomic.notify(control + DONE, -1);
}
