// PyTorch on the processor: its fused kernel, scaled_dot_product_attention with is_causal, or before 2.0 the products and the
// softmax that its users wrote.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { childContestant } from '../harness/child.ts';
import type { Contestant } from '../harness/contest.ts';
import { type AttentionSize, type AttentionWork, type attentionCheck, elementCount, lastHead } from './attention.ts';
import { nativeEnvironment } from './native-environment.ts';

/** Packages of the distribution are seen by its own Python only. */
const python = (): string => (existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3');

export function torchAttention(
  size: AttentionSize,
  work: AttentionWork,
  check: ReturnType<typeof attentionCheck>,
  threads: number,
): Contestant {
  const { batch, heads, length, headDim } = size;
  const results = work === 'forward' ? 1 : 4;
  return childContestant({
    name: 'PyTorch, native',
    threads,
    start: () => ({
      command: python(),
      args: [
        fileURLToPath(new URL('../../native/torch-attention.py', import.meta.url)),
        ...[batch, heads, length, headDim, threads, results].map(String),
      ],
      environment: nativeEnvironment(threads),
    }),
    error: async (values) => {
      const count = elementCount(size);
      const places = lastHead(
        size,
        Array.from({ length: count }, (_, i) => i),
      );
      const heads: (readonly number[])[] = [];
      for (let at = 0; at < results; at++) heads.push(await values(Array.from(places, (place) => at * count + place)));
      return check(heads);
    },
  });
}
