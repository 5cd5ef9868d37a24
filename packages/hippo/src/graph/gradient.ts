// Reverse-mode gradient as graph to graph: walks the nodes between loss and targets from the end, applies each operation's rule,
// adds what meets. Rules build ordinary operations, so the result can be differentiated again.
import { TraceError } from '../errors.ts';
import { type Barrier, recomputation } from './recompute.ts';
import { formatOrigin, withOrigin } from './trace.ts';
import type { Node, Origin, Value } from './value.ts';

/** The operations that the walk itself needs; ops/ supplies them, since graph/ knows no operation. */
export interface GradientAlgebra {
  add(a: Value, b: Value): Value;
  /** A tensor like `value` filled with one number. */
  fullLike(value: Value, fill: number): Value;
  readonly after: Barrier;
}

/**
 * ∂loss/∂target for each target, inside the trace that made `loss`. A target the loss does not depend on gets zeros.
 * @throws TraceError `loss-not-scalar`, or `not-differentiable` when an operation on the way has no gradient rule.
 */
export function reverseGradient(loss: Value, targets: readonly Value[], algebra: GradientAlgebra): Value[] {
  if (loss.shape.length !== 0 || loss.dtype !== 'f32') {
    throw new TraceError(
      'loss-not-scalar',
      `gradient: the loss must be an f32 scalar; got ${loss.dtype}[${loss.shape.join(', ')}]. Reduce it with sum or mean.`,
    );
  }
  const order = nodesBetween(loss, targets);
  const gradients = new Map<Value, Value>([[loss, algebra.fullLike(loss, 1)]]);
  const wanted = new Set(targets);
  const onPath = new Set(order);
  const recomputed = recomputation(loss, algebra.after);
  for (const node of order) {
    const outputGradients = node.outputs.map((value) => gradients.get(value));
    if (outputGradients.every((value) => value === undefined)) continue;
    recomputed.reach(node, outputGradients);
    const needs = node.inputs.map((value) => value.dtype === 'f32' && (wanted.has(value) || onPath.has(value.node)));
    if (!needs.some(Boolean)) continue;
    const { gradient } = node.operation;
    if (!gradient) {
      throw new TraceError(
        'not-differentiable',
        `gradient: ${node.operation.name}${formatOrigin(node.origin)} has no gradient rule. Stop the gradient before it with stopGradient, or use another operation.`,
        {
          operation: node.operation.name,
        },
      );
    }
    withOrigin(gradientOrigin(node), () => {
      const { attributes } = node;
      const inputs = node.inputs.map((value) => recomputed.seenFrom(node, value));
      const outputs = node.outputs.map((value) => recomputed.seenFrom(node, value));
      const inputGradients = gradient.call(node.operation, { inputs, outputs, outputGradients, attributes, needs });
      node.inputs.forEach((value, index) => {
        const contribution = inputGradients[index];
        if (!contribution || !needs[index]) return;
        const sum = gradients.get(value);
        gradients.set(value, sum ? algebra.add(sum, contribution) : contribution);
      });
    });
  }
  return targets.map((target) => gradients.get(target) ?? algebra.fullLike(target, 0));
}

/** Nodes on a path from a target to the loss, last made first. */
function nodesBetween(loss: Value, targets: readonly Value[]): readonly Node[] {
  const wanted = new Set(targets);
  const reaches = new Map<Node, boolean>();
  const found: Node[] = [];
  const stack: { node: Node; next: number }[] = [{ node: loss.node, next: 0 }];
  reaches.set(loss.node, false);
  while (stack.length > 0) {
    const frame = stack[stack.length - 1];
    if (!frame) break;
    const input = frame.node.inputs[frame.next];
    if (input) {
      frame.next++;
      if (!reaches.has(input.node)) {
        reaches.set(input.node, false);
        stack.push({ node: input.node, next: 0 });
      }
      continue;
    }
    stack.pop();
    const depends = frame.node.inputs.some((value) => wanted.has(value) || reaches.get(value.node));
    reaches.set(frame.node, depends);
    if (depends) found.push(frame.node);
  }
  return found.sort((a, b) => lastId(b) - lastId(a));
}

function lastId(node: Node): number {
  return node.outputs[node.outputs.length - 1]?.id ?? -1;
}

function gradientOrigin({ origin }: Node): Origin {
  return {
    path: `${origin.path}${origin.path ? ' ' : ''}(gradient)`,
    get source() {
      return origin.source; // found only when it is asked for
    },
  };
}
