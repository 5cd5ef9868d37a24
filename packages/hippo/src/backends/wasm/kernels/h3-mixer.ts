// Calls of the fused H3 mixer y = q ⊙ diagonal(v ⊙ shift(k)) and of its gradient: the twin of h3-mixer.as.ts and
// h3-mixer-gradient.as.ts. Rows are [channels, batch, length]; taps [channels, M], poles and c [channels, N], skips [channels],
// states [channels, batch, M − 1] and [channels, batch, 2, N].
import type { KernelCalls } from './call.ts';
import { filterBytes } from './causal-fir.ts';
import {
  chunkBytes,
  convolutionBytes,
  type DiagonalSsmForm,
  type DiagonalSsmGradientForm,
  type DiagonalSsmSizes,
  gradientBytes,
  scanBytes,
  spectralGradientBytes,
} from './diagonal-ssm.ts';
import { fftSize, fftTable } from './fft.ts';

/** Sizes of the mixer: `taps` of the shift, `states` of the diagonal model. */
export interface H3MixerSizes extends DiagonalSsmSizes {
  readonly taps: number;
}

/** `step` is the scan with λ given in place of its logarithm, for at most FEW_STEPS. */
export type H3MixerForm = DiagonalSsmForm | 'step';

const FORMS = { scan: 0, chunked: 1, convolution: 2, step: 3 } as const;

/** Up to so many steps λ in f32 is good enough (FEW in diagonal-ssm-scan.as.ts). */
export const FEW_STEPS = 8;

/** Steps of a piece in the chunked form (GROUP·T of the kernels). */
const PIECE = 512;

const floats = (count: number): number => 16 * Math.ceil(count / 4);

function partBytes({ length, states, taps, form }: H3MixerSizes & { readonly form: H3MixerForm }): number {
  const size = fftSize(length);
  if (form === 'scan' || form === 'step') return filterBytes(taps) + floats(length) + scanBytes(states);
  if (form === 'chunked') return filterBytes(taps) + floats(PIECE) + chunkBytes(states);
  return filterBytes(taps) + convolutionBytes(states, size); // the padded row stands before instead of behind
}

/**
 * Inputs [q, k, v, taps, shiftSkip, logPoleRe, logPoleIm, cRe, cIm, skip, shiftState?, state?], outputs
 * [y, shiftEnd?, endState?].
 */
export function h3MixerCalls(sizes: H3MixerSizes & { readonly form: H3MixerForm }): KernelCalls {
  const { channels, batch, length, states, taps, form } = sizes;
  const size = fftSize(length);
  const bytes = partBytes(sizes);
  return {
    ...(form === 'convolution' && { table: fftTable(size) }),
    workspaceBytes: (parts) => parts * bytes,
    calls: ({ inputs, outputs, workspace, table = 0 }) => {
      const operands = Array.from({ length: 12 }, (_, i) => inputs[i] ?? 0);
      const results = Array.from({ length: 3 }, (_, i) => outputs[i] ?? 0);
      const place = [FORMS[form], table, size, workspace, bytes];
      const words = [channels, batch, length, states, taps, ...operands, ...results, ...place];
      return [{ entry: 'h3Mixer', words }];
    },
  };
}

/**
 * Inputs [dy, dShiftEnd?, dEndState?, q, k, v, taps, shiftSkip, logPoleRe, logPoleIm, cRe, cIm, skip, shiftState?, state?],
 * outputs the gradients of q and all after it, those of absent states without an address.
 */
export function h3MixerGradientCalls(sizes: H3MixerSizes & { readonly form: DiagonalSsmGradientForm }): KernelCalls {
  const { channels, batch, length, states, taps, form } = sizes;
  const size = fftSize(length);
  const spectral = form === 'convolution';
  const tapBytes = filterBytes(taps) + 16 * Math.ceil(taps / 2) + floats(taps);
  const bytes = spectral
    ? tapBytes + 16 * size + spectralGradientBytes(states, size)
    : tapBytes + 3 * floats(length) + gradientBytes(states, length);
  return {
    ...(spectral && { table: fftTable(size) }),
    workspaceBytes: (parts) => parts * bytes,
    calls: ({ inputs, outputs, workspace, table = 0 }) => {
      const operands = Array.from({ length: 15 }, (_, i) => inputs[i] ?? 0);
      const results = Array.from({ length: 12 }, (_, i) => outputs[i] ?? 0);
      const place = [FORMS[form], table, size, workspace, bytes];
      const words = [channels, batch, length, states, taps, ...operands, ...results, ...place];
      return [{ entry: 'h3MixerGradient', words }];
    },
  };
}
