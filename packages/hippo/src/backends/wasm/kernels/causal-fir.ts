// Calls of the short causal filter: y = skip·u + Σ_{j<M} taps_j·x_{t−j}, x being u after the M − 1 inputs of its state.
// Layout [channels, batch, length]; the twin of causal-fir.as.ts and causal-fir-gradient.as.ts, and the only place that knows
// their argument words. The gradient kernel computes only the outputs that have an address, so a correlation with the taps
// (an anticausal filter) and a tap gradient alone are calls of it too.
import type { KernelCall, KernelCalls, Word } from './call.ts';

/** Sizes of a short filter: taps [channels, M], rows [channels, batch, length], states [channels, batch, M − 1]. */
export interface CausalFirSizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  readonly taps: number;
}

/** Addresses of the filter's operands; 0 for one that is absent. */
export interface CausalFirOperands {
  readonly u: number;
  readonly taps: number;
  readonly skip: number;
  readonly state: number;
  readonly y: number;
  readonly endState: number;
}

/** Addresses for the gradient kernel; an output at 0 is not computed, an input at 0 counts as zeros. */
export interface CausalFirGradientOperands {
  readonly dy: number;
  readonly dEndState: number;
  readonly u: number;
  readonly taps: number;
  readonly skip: number;
  readonly state: number;
  readonly du: number;
  readonly dTaps: number;
  readonly dSkip: number;
  readonly dState: number;
}

const align = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** Bytes of workspace a part of either kernel needs: one piece of the row with its lead, the taps, f64 sums. */
export function causalFirPartBytes({ taps }: CausalFirSizes): number {
  return align(128 + 8 * (taps + 2) + 4 * (taps + 4) + 4 * (1024 + 32 + taps + 32));
}

/** What lies before the sums in a part of the fused mixer (h3-mixer.as.ts, filterRestAt): scratch, taps backwards, a piece. */
export function filterBytes(taps: number): number {
  return 128 + 16 * Math.ceil(taps / 4) + 16 * Math.ceil((1024 + 64 + taps) / 4);
}

/** The one call of the forward kernel. */
export function causalFirCall(sizes: CausalFirSizes, at: CausalFirOperands, workspace: number): KernelCall {
  const { channels, batch, length, taps } = sizes;
  const operands: readonly Word[] = [at.u, at.taps, at.skip, at.state, at.y, at.endState];
  const words = [channels, batch, length, taps, ...operands, workspace, causalFirPartBytes(sizes)];
  return { entry: 'causalFir', words };
}

/** The one call of the gradient kernel. */
export function causalFirGradientCall(
  sizes: CausalFirSizes,
  at: CausalFirGradientOperands,
  workspace: number,
): KernelCall {
  const { channels, batch, length, taps } = sizes;
  const inputs: readonly Word[] = [at.dy, at.dEndState, at.u, at.taps, at.skip, at.state];
  const outputs: readonly Word[] = [at.du, at.dTaps, at.dSkip, at.dState];
  const words = [channels, batch, length, taps, ...inputs, ...outputs, workspace, causalFirPartBytes(sizes)];
  return { entry: 'causalFirGradient', words };
}

/**
 * Inputs [u, taps, skip?, state?], outputs [y, endState?]. `endState` is the last M − 1 inputs of [state, u], oldest first;
 * an absent state is zeros.
 */
export function causalFirCalls(sizes: CausalFirSizes): KernelCalls {
  return {
    workspaceBytes: (parts) => parts * causalFirPartBytes(sizes),
    calls: ({ inputs: [u = 0, taps = 0, skip = 0, state = 0], outputs: [y = 0, endState = 0], workspace }) => [
      causalFirCall(sizes, { u, taps, skip, state, y, endState }, workspace),
    ],
  };
}

/**
 * Inputs [dy, dEndState?, u, taps, skip?, state?], outputs [du, dTaps, dSkip?, dState?]: the exact gradient, the ways through
 * `state` and `endState` included. Outputs without an address are not computed.
 */
export function causalFirGradientCalls(sizes: CausalFirSizes): KernelCalls {
  return {
    workspaceBytes: (parts) => parts * causalFirPartBytes(sizes),
    calls: ({ inputs, outputs, workspace }) => {
      const [dy = 0, dEndState = 0, u = 0, taps = 0, skip = 0, state = 0] = inputs;
      const [du = 0, dTaps = 0, dSkip = 0, dState = 0] = outputs;
      const operands = { dy, dEndState, u, taps, skip, state, du, dTaps, dSkip, dState };
      return [causalFirGradientCall(sizes, operands, workspace)];
    },
  };
}
