// What the operating system says of this process's memory (Linux, /proc): resident bytes now and at most, and the resident bytes
// of the engine's memory alone. V8 reserves 8 GiB of addresses after a WebAssembly memory, by far the largest reservation of the
// process; the mapping that ends where it begins is the memory itself.
import { readFileSync } from 'node:fs';

export interface Resident {
  readonly nowBytes: number;
  readonly peakBytes: number;
  /** JavaScript's heap and its buffers outside of it, the engine's shared memory not included. */
  readonly javascriptBytes: number;
}

export function resident(): Resident {
  const status = readFileSync('/proc/self/status', 'utf8');
  const field = (name: string): number => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  const { heapTotal, external } = process.memoryUsage();
  return { nowBytes: field('VmRSS'), peakBytes: field('VmHWM'), javascriptBytes: heapTotal + external };
}

interface Mapping {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

/** Resident bytes of the one WebAssembly memory of this process. */
export function residentEngineBytes(): number {
  const mappings = readFileSync('/proc/self/smaps', 'utf8')
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .map((text): Mapping => {
      const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(text) ?? [];
      const bytes = 1024 * Number(/^Rss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
      return { from: Number.parseInt(from, 16), to: Number.parseInt(to, 16), bytes };
    });
  const reserved = mappings.reduce((most, next) => (next.to - next.from > most.to - most.from ? next : most));
  const memory = mappings.find(({ to }) => to === reserved.from);
  if (!memory) throw new Error('resident: no WebAssembly memory found in /proc/self/smaps. Open a device first.');
  return memory.bytes;
}
