// Splits a kernel over its channels where an operand is larger than a binding may be. All operands lie channel by channel, so a
// slice of channels is a range of each of them; ranges start at multiples of 256 bytes. Where an operand has one number a channel that would
// be 64 channels, which heads of several megabytes exceed: such an operand may be bound from a bit before the slice.
import type { Memory } from './dispatch.ts';

/** Channels from … of all; `of` narrows memory that has so many bytes a channel. */
export interface ChannelSlice {
  readonly from: number;
  readonly count: number;
  /** WGSL: the place of a channel's number in what is bound of an operand with one number a channel. */
  numberOf(channel: string): string;
  of(memory: Memory, bytesPerChannel: number): Memory;
}

/**
 * @param bytesPerChannel of every operand that the kernel binds, but for those with one number a channel that it reads by `numberOf`.
 * @param most bytes of one binding.
 */
export function channelSlices(
  channels: number,
  bytesPerChannel: readonly number[],
  most: number,
): readonly ChannelSlice[] {
  const largest = Math.max(...bytesPerChannel);
  if (channels * largest <= most)
    return [{ from: 0, count: channels, numberOf: (channel) => channel, of: (memory) => memory }];
  const unit = Math.max(...bytesPerChannel.map((bytes) => 256 / greatestCommonDivisor(256, bytes)));
  // One unit that is too large fails by name when it is bound.
  const count = Math.max(unit, Math.floor(most / largest / unit) * unit);
  return Array.from({ length: Math.ceil(channels / count) }, (_, index) =>
    sliceOf(index * count, Math.min(count, channels - index * count)),
  );
}

/** Numbers between two places where a binding may start. */
const numbersOfStart = 64;

function sliceOf(from: number, count: number): ChannelSlice {
  return {
    from,
    count,
    numberOf: (channel) => (from % numbersOfStart === 0 ? channel : `${channel} + ${from % numbersOfStart}u`),
    of(memory, bytes) {
      if (memory.space === 'table' || bytes === 0) return memory;
      const start = memory.space === 'workspace' ? memory.range.from : 0;
      const begin = bytes === 4 ? from - (from % numbersOfStart) : from;
      return { ...memory, range: { from: start + begin * bytes, to: start + (from + count) * bytes } };
    },
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
