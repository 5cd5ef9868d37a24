// The long convolution y = skip·u + Σ_j k_j·u_{t−j} (causal) or with u_{t+j} (anticausal), and its gradient. Few taps: the filter of
// causal-fir.ts, which is exact to the last tap. More: transforms of the next power of two that holds both without wrapping,
// in workgroup memory up to 2,048 elements (4,096 where it has 32 KiB), above in several passes through the workspace, for as many channels
// at a time as keep the workspace small. Memory of one row per pair and pass: read and written once, 8 bytes an element when padded.
import { type FftConvAttributes, fftConvGradientOperation, fftConvOperation } from '../../../ops/fft-conv.ts';
import type { DeviceTraits } from '../traits.ts';
import { filterBytes, filterDispatch, filterOperandBytes } from './causal-fir.ts';
import { correlationBytes, partialBytes, tapsGradient } from './causal-fir-gradient.ts';
import { type ChannelSlice, channelSlices } from './channel-slices.ts';
import type { Chooser } from './chooser.ts';
import { type Dispatch, input, type KernelChoice, type Memory, output, reads, workspace, writes } from './dispatch.ts';
import { complexBytes, type FftPlan, planFft, twiddleTable } from './fft.ts';
import {
  type ConvolutionSizes,
  columnPass,
  convolvePass,
  gradientPass,
  pairsOf,
  type RealRows,
  spectrumPass,
} from './fft-conv-passes.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';

/** Up to so many taps the direct sum is used. */
const directTaps = 128;
/** Bytes of one part of the workspace that several passes go through. */
const workspaceGoal = 128 * 2 ** 20;
/** Workgroups that keep a large device busy. */
const enoughWorkgroups = 512;

export const fftConvChoosers: Readonly<Record<string, Chooser>> = {
  [fftConvOperation.name]: ({ inputs: [u, kernel], attributes }, traits) => {
    if (!u || !kernel) return undefined;
    // A node's attributes are those of its operation.
    const { direction, skip } = attributes as FftConvAttributes;
    const sizes = sizesOf(u.shape, kernel.shape);
    const ahead = direction === 'anticausal';
    if (sizes.taps <= directTaps && filterBytes(sizes.taps) <= traits.maxWorkgroupBytes)
      return directChoice(sizes, { ahead, skip: skip ? 2 : undefined }, traits);
    const plan = planFft(sizes.length + sizes.taps - 1, traits);
    return plan && transformChoice({ sizes, plan, ahead, skip: skip ? 2 : undefined }, traits);
  },
  [fftConvGradientOperation.name]: ({ inputs: [dy, , kernel], attributes }, traits) => {
    if (!dy || !kernel) return undefined;
    const { direction, skip } = attributes as FftConvAttributes;
    const sizes = sizesOf(dy.shape, kernel.shape);
    const ahead = direction === 'anticausal';
    const bytes = Math.max(filterBytes(sizes.taps), correlationBytes(sizes));
    const skipAt = skip ? 3 : undefined;
    const choice =
      sizes.taps <= directTaps && bytes <= traits.maxWorkgroupBytes
        ? directGradient(sizes, { ahead, skip: skipAt }, traits)
        : transformGradient({ sizes, ahead, skip: skipAt }, traits);
    return choice && { ...choice, optionalOutputs: [0] };
  },
};

function sizesOf(
  [channels = 1, batch = 1, length = 1]: readonly number[],
  kernel: readonly number[],
): ConvolutionSizes {
  return { channels, batch, length, taps: kernel[1] ?? 1 };
}

interface Options {
  /** Against time. */
  readonly ahead: boolean;
  readonly skip: number | undefined;
}

function directChoice(
  sizes: ConvolutionSizes,
  { ahead, skip }: Options,
  { maxBindingBytes }: DeviceTraits,
): KernelChoice {
  const slices = channelSlices(sizes.channels, filterOperandBytes(sizes), maxBindingBytes);
  return {
    reason: 'few taps: the direct sum',
    dispatches: () =>
      slices.map((slice) =>
        filterDispatch(sizes, { rows: 0, taps: 1, skip, state: undefined, result: 0, ahead }, slice),
      ),
  };
}

/** du is dy filtered the other way; the sums of the anticausal filter are those of the causal one with u and dy exchanged. */
function directGradient(
  sizes: ConvolutionSizes,
  { ahead, skip }: Options,
  { maxBindingBytes }: DeviceTraits,
): KernelChoice {
  const sums = partialBytes(sizes);
  const slices = channelSlices(sizes.channels, [...filterOperandBytes(sizes), sums], maxBindingBytes);
  const rest = { dEnd: undefined, taps: 2, skip, state: undefined, dState: undefined };
  const operands = { ...rest, dy: ahead ? 1 : 0, u: ahead ? 0 : 1, dSkip: skip === undefined ? undefined : 2 };
  return {
    reason: 'few taps: the direct sum',
    workspaceBytes: sums * sizes.channels,
    dispatches: ([wantsRows]) =>
      slices.flatMap((slice) => [
        ...(wantsRows
          ? [filterDispatch(sizes, { rows: 0, taps: 2, skip, state: undefined, result: 0, ahead: !ahead }, slice)]
          : []),
        ...tapsGradient(sizes, operands, slice),
      ]),
  };
}

/** Splits the channels so that operands can be bound and, where passes go through the workspace, it stays small. */
function slicesOf(
  { channels, batch, length, taps }: ConvolutionSizes,
  plan: FftPlan,
  { maxBindingBytes }: DeviceTraits,
  workBytes: number,
) {
  const operands = [4 * batch * length, 4 * taps, 4, complexBytes * plan.size];
  const most = plan.rows > 1 ? Math.min(maxBindingBytes, workspaceGoal) : maxBindingBytes;
  return channelSlices(channels, [...operands, ...(workBytes > 0 ? [workBytes] : [])], most);
}

/** Places in the workspace for so many channels; every slice uses the same ones. */
function layOut(channels: number, bytesPerChannel: readonly number[]) {
  const starts = [0];
  for (const bytes of bytesPerChannel) starts.push((starts.at(-1) ?? 0) + Math.ceil((bytes * channels) / 256) * 256);
  return {
    bytes: starts.at(-1) ?? 0,
    /** Part `index` for so many channels. */
    part: (index: number, count: number): Memory =>
      workspace(starts[index] ?? 0, (starts[index] ?? 0) + (bytesPerChannel[index] ?? 0) * count),
  };
}

interface Transform extends Options {
  readonly sizes: ConvolutionSizes;
  readonly plan: FftPlan;
}

/** Rows of an operand as a slice sees them. */
function rowsOf(memory: Memory, rows: number, length: number, slice: ChannelSlice): RealRows {
  return { memory: slice.of(memory, 4 * rows * length), rows, length };
}

/** The spectra of a slice's kernels, input `index`, into the workspace. */
function spectra(
  { sizes, plan, skip }: Transform,
  index: number,
  slice: ChannelSlice,
  spectrum: Memory,
): readonly Dispatch[] {
  const channels = slice.count;
  const kernel = rowsOf(input(index), 1, sizes.taps, slice);
  const skips = skip === undefined ? undefined : slice.of(input(skip), 4);
  if (plan.rows === 1) return [spectrumPass(plan, { kernel: { real: kernel }, spectrum, channels, skip: skips })];
  return [
    columnPass(plan, 'forward', { real: kernel, complex: spectrum, channels, skip: skips }),
    spectrumPass(plan, { kernel: { complex: spectrum }, spectrum, channels, skip: undefined }),
  ];
}

function transformChoice(transform: Transform, traits: DeviceTraits): KernelChoice {
  const { sizes, plan, ahead } = transform;
  const { batch, length } = sizes;
  const workBytes = plan.rows === 1 ? 0 : complexBytes * plan.size * pairsOf(batch);
  const slices = slicesOf(sizes, plan, traits, workBytes);
  const places = layOut(slices[0]?.count ?? 0, [complexBytes * plan.size, workBytes]);
  return {
    workspaceBytes: places.bytes,
    table: twiddleTable(plan),
    reason: `transforms of ${plan.size}`,
    dispatches: () =>
      slices.flatMap((slice) => {
        const channels = slice.count;
        const [spectrum, complex] = [places.part(0, channels), places.part(1, channels)];
        const [u, y] = [rowsOf(input(0), batch, length, slice), rowsOf(output(0), batch, length, slice)];
        const rows = { spectrum, batch, channels, ahead };
        const kernels = spectra(transform, 1, slice, spectrum);
        if (plan.rows === 1) return [...kernels, convolvePass(plan, { ...rows, from: { real: u }, to: { real: y } })];
        return [
          ...kernels,
          columnPass(plan, 'forward', { real: u, complex, channels }),
          convolvePass(plan, { ...rows, from: { complex }, to: { complex } }),
          columnPass(plan, 'inverse', { real: y, complex, channels }),
        ];
      }),
  };
}

function transformGradient(
  { sizes, ahead, skip }: Omit<Transform, 'plan'>,
  traits: DeviceTraits,
): KernelChoice | undefined {
  const plan = planFft(sizes.length + sizes.taps - 1, traits);
  if (!plan) return undefined;
  const { channels, batch, length, taps } = sizes;
  const pairs = pairsOf(batch);
  const perSequence = complexBytes * plan.size;
  const single = plan.rows === 1;
  const parts = single ? Math.min(pairs, Math.ceil(enoughWorkgroups / channels)) : 1;
  const workBytes = single ? 0 : perSequence * pairs;
  const slices = slicesOf(sizes, plan, traits, Math.max(workBytes, perSequence * parts));
  const places = layOut(slices[0]?.count ?? 0, [perSequence, perSequence * parts, workBytes, workBytes]);
  return {
    workspaceBytes: places.bytes,
    table: twiddleTable(plan),
    reason: `transforms of ${plan.size}`,
    dispatches: ([wantsRows]) =>
      slices.flatMap((slice) => {
        const count = slice.count;
        const [spectrum, sums, uWork, dyWork] = [0, 1, 2, 3].map((index) => places.part(index, count)) as [
          Memory,
          Memory,
          Memory,
          Memory,
        ];
        const rows = (memory: Memory): RealRows => rowsOf(memory, batch, length, slice);
        const [dy, u, du] = [rows(input(0)), rows(input(1)), rows(output(0))];
        const shared = { sums, spectrum, batch, channels: count, parts, causal: !ahead };
        const dKernel = rowsOf(output(1), 1, taps, slice);
        const end = slice.of(output(2), 4);
        const kernels = wantsRows ? spectra({ sizes, plan, ahead, skip }, 2, slice, spectrum) : [];
        const take = { plan, parts, sums, dKernel, channels: count, dSkip: skip === undefined ? undefined : end };
        if (single) {
          const pass = gradientPass(plan, {
            ...shared,
            u: { real: u },
            dy: { real: dy },
            du: wantsRows ? { real: du } : undefined,
          });
          return [...kernels, pass, takeSums(take)];
        }
        const complex = {
          u: { complex: uWork },
          dy: { complex: dyWork },
          du: wantsRows ? { complex: dyWork } : undefined,
        };
        return [
          ...kernels,
          columnPass(plan, 'forward', { real: u, complex: uWork, channels: count }),
          columnPass(plan, 'forward', { real: dy, complex: dyWork, channels: count }),
          gradientPass(plan, { ...shared, ...complex }),
          ...(wantsRows ? [columnPass(plan, 'inverse', { real: du, complex: dyWork, channels: count })] : []),
          columnPass(plan, 'inverse', { real: dKernel, complex: sums, channels: count }),
          ...(skip === undefined ? [] : [takeSkip(take)]),
        ];
      }),
  };
}

interface Take {
  readonly plan: FftPlan;
  readonly parts: number;
  readonly sums: Memory;
  readonly dKernel: RealRows;
  readonly channels: number;
  readonly dSkip: Memory | undefined;
}

/** The gradient of the kernel from the parts of its sums; that of the skip term is its first tap's. */
function takeSums({ plan, parts, sums, dKernel, channels, dSkip }: Take): Dispatch {
  const taps = dKernel.length;
  const count = channels * taps;
  const code = `@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * 64u + thread;
  if (i >= ${count}u) { return; }
  let channel = i / ${taps}u;
  let lag = i % ${taps}u;
  var sum = 0.0;
  for (var part = 0u; part < ${parts}u; part++) { sum += sums[(channel * ${parts}u + part) * ${plan.size}u + lag].x; }
  dKernel[i] = sum;
  ${dSkip ? 'if (lag == 0u) { dSkip[channel] = sum; }' : ''}
}`;
  const bindings = [
    reads('sums', sums, 'vec2<f32>'),
    writes('dKernel', dKernel.memory),
    ...(dSkip ? [writes('dSkip', dSkip)] : []),
  ];
  return { label: "gradient of the convolution's kernel", bindings, code, workgroups: gridOf(Math.ceil(count / 64)) };
}

/** The gradient of the skip term is that of the kernel's first tap. */
function takeSkip({ dKernel, channels, dSkip }: Take): Dispatch {
  const code = `@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let channel = ${workgroupNumber} * 64u + thread;
  if (channel < ${channels}u) { dSkip[channel] = dKernel[channel * ${dKernel.length}u]; }
}`;
  return {
    label: 'gradient of the skip term',
    bindings: [reads('dKernel', dKernel.memory), ...(dSkip ? [writes('dSkip', dSkip)] : [])],
    code,
    workgroups: gridOf(Math.ceil(channels / 64)),
  };
}
