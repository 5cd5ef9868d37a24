// A WebAssembly module, assembled here byte by byte, that does nothing but what a machine is fast at: multiply-adds of four
// numbers in registers, and reading. Its rates are the limits that other figures are shares of (WebAssembly core
// specification, binary format; relaxed-SIMD proposal for relaxed_madd).

export interface LimitKernels {
  /** `rounds` × 48 multiply-adds of 4 numbers: 384 operations a round. Gives a number so that nothing is optimized away. */
  multiplyAdd(rounds: number): number;
  /** Reads bytes [0, end), a multiple of 64. */
  read(end: number): number;
  /** Copies `bytes` bytes. */
  copy(to: number, from: number, bytes: number): void;
  readonly memory: WebAssembly.Memory;
}

export const OPERATIONS_A_ROUND = 384;

const [I32, V128, F32] = [0x7f, 0x7b, 0x7d];
/** Chains of dependent multiply-adds: two units of a latency of four cycles need eight; more do no harm while registers last. */
const CHAINS = 12;
const UNROLLED = 4;

const unsigned = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...unsigned(Math.floor(value / 128))];
const list = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const constant = (value: number): number[] => [0x41, value]; // below 64: signed LEB128 of one byte
const simd = (operation: number): number[] => [0xfd, ...unsigned(operation)];
const splat = (value: number): number[] => [
  0x43,
  ...new Uint8Array(new Float32Array([value]).buffer),
  ...simd(0x13), // f32x4.splat
];
const firstLane = [...simd(0x1f), 0];
const [addLanes, relaxedMultiplyAdd] = [simd(0xe4), simd(0x105)];
const load = (offset: number): number[] => [...simd(0x00), 4, ...unsigned(offset)];
/** loop { body; br_if 0 on what body leaves } */
const loop = (body: readonly number[]): number[] => [0x03, 0x40, ...body, 0x0d, 0, 0x0b];
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** One function body: groups of locals, then instructions. */
function body(locals: readonly (readonly [number, number])[], code: readonly number[]): number[] {
  const content = [...list(locals.map(([count, type]) => [...unsigned(count), type])), ...code, 0x0b];
  return [...unsigned(content.length), ...content];
}

const sumOf = (first: number, count: number): number[] => [
  ...get(first),
  ...range(count - 1).flatMap((i) => [...get(first + 1 + i), ...addLanes]),
  ...firstLane,
];

function multiplyAddBody(): number[] {
  const [rounds, factor, chains] = [0, 1, 2];
  const step = range(CHAINS).flatMap((i) => [
    ...get(factor),
    ...get(factor),
    ...get(chains + i),
    ...relaxedMultiplyAdd,
    ...set(chains + i),
  ]);
  return body(
    [[CHAINS + 1, V128]],
    [
      ...[...splat(0.5), ...set(factor)],
      ...loop([
        ...range(UNROLLED).flatMap(() => step),
        ...[...get(rounds), ...constant(1), 0x6b, 0x22, rounds], // rounds := rounds − 1, left for br_if
      ]),
      ...sumOf(chains, CHAINS),
    ],
  );
}

function readBody(): number[] {
  const [end, at, sums] = [0, 1, 2];
  const step = range(4).flatMap((i) => [...get(sums + i), ...get(at), ...load(16 * i), ...addLanes, ...set(sums + i)]);
  return body(
    [
      [1, I32],
      [4, V128],
    ],
    [
      ...loop([
        ...step,
        ...[...get(at), 0x41, ...[0xc0, 0x00], 0x6a, 0x22, at], // at := at + 64
        ...[...get(end), 0x49], // at < end
      ]),
      ...sumOf(sums, 4),
    ],
  );
}

const copyBody = (): number[] => body([], [...get(0), ...get(1), ...get(2), 0xfc, 0x0a, 0, 0]);

const name = (text: string): number[] => list([...new TextEncoder().encode(text)].map((byte) => [byte]));

/** The module's bytes, with `pages` × 64 KiB of memory. */
export function limitModule(pages: number): Uint8Array<ArrayBuffer> {
  const exported = ['multiplyAdd', 'read', 'copy'];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      list([
        [0x60, 1, I32, 1, F32],
        [0x60, 3, I32, I32, I32, 0],
      ]),
    ),
    ...section(3, list([[0], [0], [1]])),
    ...section(5, list([[0, ...unsigned(pages)]])),
    ...section(7, list([...exported.map((text, i) => [...name(text), 0, i]), [...name('memory'), 2, 0]])),
    ...section(10, list([multiplyAddBody(), readBody(), copyBody()])),
  ]);
}

/** Compiles the kernels. Relaxed SIMD must be on: opening a Hippo device turns it on where it is behind a flag. */
export async function compileLimitKernels(pages: number): Promise<LimitKernels> {
  const { instance } = await WebAssembly.instantiate(limitModule(pages));
  return instance.exports as unknown as LimitKernels; // assembled above with these names and types
}
