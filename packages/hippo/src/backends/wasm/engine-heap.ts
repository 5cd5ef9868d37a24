// The engine's heap: best fit over a sorted list of free blocks, neighbours joined when freed. It deals in addresses only;
// the memory behind them grows through `grow`. Blocks are few (tensors, plans) and long-lived, so lists are fast enough.
import { BackendError } from '../../errors.ts';

/** Every address is a multiple of this: a cache line, so that no two tensors share one between threads. */
export const HEAP_ALIGNMENT = 64;

export interface Heap {
  /** The address of a free block of at least `bytes` bytes. @throws BackendError `out-of-memory` */
  allocate(bytes: number): number;
  /** @throws BackendError `bad-free` when no block in use starts there. */
  free(address: number): void;
  readonly allocatedBytes: number;
}

interface Block {
  readonly address: number;
  readonly bytes: number;
}

/**
 * A heap over the addresses from `start` on.
 * @param options.end the first address that does not exist yet.
 * @param options.limit no address will ever exist from here on.
 * @param options.grow makes addresses below its argument exist, returns the new end, or undefined when that is refused.
 */
export function createHeap(
  start: number,
  options: { readonly end: number; readonly limit: number; readonly grow: (end: number) => number | undefined },
): Heap {
  let { end } = options;
  const free: Block[] = [{ address: start, bytes: end - start }]; // sorted by address, never touching
  const used = new Map<number, number>();
  let allocatedBytes = 0;

  const release = (block: Block): void => {
    const at = free.findIndex(({ address }) => address > block.address);
    const index = at < 0 ? free.length : at;
    let { address, bytes } = block;
    const before = free[index - 1];
    const after = free[index];
    const joinsBefore = before !== undefined && before.address + before.bytes === address;
    const joinsAfter = after !== undefined && address + bytes === after.address;
    if (joinsBefore) [address, bytes] = [before.address, bytes + before.bytes];
    if (joinsAfter) bytes += after.bytes;
    free.splice(index - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), { address, bytes });
  };

  const bestFit = (bytes: number): number => {
    let best = -1;
    free.forEach((block, i) => {
      if (block.bytes >= bytes && (best < 0 || block.bytes < (free[best]?.bytes ?? 0))) best = i;
    });
    return best;
  };

  /** Extends the last free block, or adds one, so that `bytes` fit at the end. */
  const extend = (bytes: number): boolean => {
    const last = free[free.length - 1];
    const missing = bytes - (last && last.address + last.bytes === end ? last.bytes : 0);
    const grown = end + missing <= options.limit ? options.grow(end + missing) : undefined;
    if (grown === undefined) return false;
    release({ address: end, bytes: grown - end });
    end = grown;
    return true;
  };

  return {
    get allocatedBytes() {
      return allocatedBytes;
    },
    allocate(size) {
      const bytes = Math.max(HEAP_ALIGNMENT, Math.ceil(size / HEAP_ALIGNMENT) * HEAP_ALIGNMENT);
      let index = bestFit(bytes);
      if (index < 0 && extend(bytes)) index = bestFit(bytes);
      const block = free[index];
      if (!block) throw outOfMemory(size, allocatedBytes, options.limit);
      const { address } = block;
      if (block.bytes === bytes) free.splice(index, 1);
      else free[index] = { address: address + bytes, bytes: block.bytes - bytes };
      used.set(address, bytes);
      allocatedBytes += bytes;
      return address;
    },
    free(address) {
      const bytes = used.get(address);
      if (bytes === undefined) {
        const sentence = `wasm engine: only a block in use can be freed; got address ${address}. Free each block once.`;
        throw new BackendError('bad-free', sentence, { address });
      }
      used.delete(address);
      allocatedBytes -= bytes;
      release({ address, bytes });
    },
  };
}

function outOfMemory(bytes: number, allocatedBytes: number, limit: number): BackendError {
  const sentence =
    `wasm engine: memory is limited to ${mebibytes(limit)}; got a request for ${mebibytes(bytes)} with ` +
    `${mebibytes(allocatedBytes)} in use. Use a smaller batch, a shorter sequence or a smaller model.`;
  return new BackendError('out-of-memory', sentence, { bytes, allocatedBytes, limit });
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
