// Calls of the cross-entropy of logits [rows, vocabulary] against targets, and of its gradient. The twin of cross-entropy.as.ts.
import type { KernelCalls } from './call.ts';
import { sharing } from './sharing.ts';

export interface CrossEntropySizes {
  readonly rows: number;
  readonly vocabulary: number;
  /** Columns that take part; the others are padding. */
  readonly classes: number;
  /** Rows with this target have loss and gradient 0. */
  readonly ignoreIndex: number;
}

/** Element operations of an element: an exponential and two passes. */
const cost = 6;

/** Inputs [logits, targets i32 [rows]], outputs [loss [rows], logSumExp [rows]]; the last may be absent. */
export function crossEntropyCalls({ rows, vocabulary, classes, ignoreIndex }: CrossEntropySizes): KernelCalls {
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [logits = 0, targets = 0], outputs: [loss = 0, logSumExp = 0] }) => [
      {
        entry: 'crossEntropy',
        words: [logits, targets, loss, logSumExp, rows, vocabulary, classes, ignoreIndex >>> 0],
        ...sharing(rows * classes * cost),
      },
    ],
  };
}

/** Inputs [dLoss [rows], logits, targets, logSumExp], outputs [dLogits], which may be the logits. */
export function crossEntropyGradientCalls({ rows, vocabulary, classes, ignoreIndex }: CrossEntropySizes): KernelCalls {
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [dLoss = 0, logits = 0, targets = 0, logSumExp = 0], outputs: [dLogits = 0] }) => [
      {
        entry: 'crossEntropyGradient',
        words: [dLoss, logits, targets, logSumExp, dLogits, rows, vocabulary, classes, ignoreIndex >>> 0],
        ...sharing(rows * vocabulary * cost),
      },
    ],
  };
}

/**
 * Loss and gradient in one go over each row: inputs [dLoss [rows], logits, targets], outputs [dLogits, loss [rows]], where
 * dLogits is the logits' own memory and the loss may be absent.
 */
export function crossEntropyInPlaceCalls({ rows, vocabulary, classes, ignoreIndex }: CrossEntropySizes): KernelCalls {
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [dLoss = 0, logits = 0, targets = 0], outputs: [, loss = 0] }) => [
      {
        entry: 'crossEntropyInPlace',
        words: [dLoss, logits, targets, loss, rows, vocabulary, classes, ignoreIndex >>> 0],
        ...sharing(rows * vocabulary * cost),
      },
    ],
  };
}
