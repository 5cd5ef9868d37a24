// Splits a kernel over its channels where an operand is larger than a binding may be. All operands lie channel by channel, so a
// slice of channels is a range of each of them; ranges start at multiples of 256 bytes.
import type { Memory } from './dispatch.ts';

/** Channels from … of all; `of` narrows memory that has so many bytes a channel. */
export interface ChannelSlice {
  readonly from: number;
  readonly count: number;
  of(memory: Memory, bytesPerChannel: number): Memory;
}

/** @param bytesPerChannel of every operand that the kernel binds; `most`: bytes of one binding. */
export function channelSlices(
  channels: number,
  bytesPerChannel: readonly number[],
  most: number,
): readonly ChannelSlice[] {
  const largest = Math.max(...bytesPerChannel);
  if (channels * largest <= most) return [{ from: 0, count: channels, of: (memory) => memory }];
  const unit = Math.max(...bytesPerChannel.map((bytes) => 256 / greatestCommonDivisor(256, bytes)));
  // One unit that is too large fails by name when it is bound.
  const count = Math.max(unit, Math.floor(most / largest / unit) * unit);
  return Array.from({ length: Math.ceil(channels / count) }, (_, index) =>
    sliceOf(index * count, Math.min(count, channels - index * count)),
  );
}

function sliceOf(from: number, count: number): ChannelSlice {
  return {
    from,
    count,
    of(memory, bytes) {
      if (memory.space === 'table' || bytes === 0) return memory;
      const start = memory.space === 'workspace' ? memory.range.from : 0;
      return { ...memory, range: { from: start + from * bytes, to: start + (from + count) * bytes } };
    },
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
