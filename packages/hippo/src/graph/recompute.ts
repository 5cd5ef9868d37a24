// Recomputation (Chen et al., arXiv 1604.06174): a region's intermediates are not kept for the backward pass; the gradient makes
// the nodes it needs again from what went into the region. The copies read the region's inputs through a barrier that waits for
// the gradient arriving at the region, so they are neither shared with the first computation nor run before they are needed.
// They have the same operations, attributes and inputs, random streams among them, and so give the same bits.
import { applyOperation, openRegion, withinRegion, withOrigin } from './trace.ts';
import type { Node, Origin, Region, Value } from './value.ts';

/**
 * Calls `build` and marks what it traces as a region: of the values made there, gradients taken after it keep none for its own
 * backward pass. What `build` reads from outside is kept, and so are its values that rules outside need.
 * Regions may nest: the inner one is then computed up to three times, and the outer one keeps nothing of it in the meantime.
 * A gradient taken inside the region itself treats it like any other part of the trace.
 * @throws TraceError `not-tracing` outside a traced function.
 */
export function recompute<T>(build: () => T): T {
  return withinRegion(build);
}

/** Identity of `value` that can be read once `signals` are there. */
export type Barrier = (value: Value, signals: readonly Value[]) => Value;

interface Pass {
  readonly signals: readonly Value[];
  /** Nodes of the region made again, and the values that enter it behind the barrier. */
  readonly made: Map<Node, readonly Value[]>;
  readonly entries: Map<Value, Value>;
}

/** The values that gradient rules may use, during one walk back from a loss. */
export interface Recomputation {
  /** Says that the walk has reached a node and with which gradients; the first node reached of a region opens it. */
  reach(node: Node, gradients: readonly (Value | undefined)[]): void;
  /** `value` as the rule of `node` sees it: made again if both are in one region. */
  seenFrom(node: Node, value: Value): Value;
}

export function recomputation(loss: Value, barrier: Barrier): Recomputation {
  const passes = new Map<Region, Pass>();
  const open = new Set<Region>();
  for (let region = openRegion(); region; region = region.parent) open.add(region);
  const closed = (region: Region | undefined): Region | undefined => (region && open.has(region) ? undefined : region);

  const enter = (value: Value, region: Region, pass: Pass): Value => {
    const known = pass.entries.get(value);
    if (known) return known;
    const outer = closed(region.parent);
    const base = outer ? again(value, outer) : value;
    const entry = base.node.operation.leaf === 'constant' ? base : barrier(base, pass.signals);
    pass.entries.set(value, entry);
    return entry;
  };
  const again = (value: Value, region: Region): Value => {
    const outer = closed(region.parent);
    if (!belongs(value.node, region)) return outer ? again(value, outer) : value;
    const pass = passes.get(region);
    if (!pass) return value;
    for (const node of missing(value.node, region, pass)) {
      const { operation, attributes, origin } = node;
      withOrigin(recomputedOrigin(origin), () => {
        const inputs = node.inputs.map(
          (input) => pass.made.get(input.node)?.[input.output] ?? enter(input, region, pass),
        );
        pass.made.set(node, applyOperation(operation, inputs, attributes));
      });
    }
    return pass.made.get(value.node)?.[value.output] ?? value;
  };
  return {
    reach(node, gradients) {
      const arrived = gradients.reduce(
        (last, value) => (value && (!last || value.id > last.id) ? value : last),
        undefined,
      );
      const signals = arrived ? [arrived, loss] : [loss];
      for (let region = closed(node.region); region && !passes.has(region); region = closed(region.parent))
        passes.set(region, { signals, made: new Map(), entries: new Map() });
    },
    seenFrom(node, value) {
      const region = closed(node.region);
      return region ? again(value, region) : value;
    },
  };
}

/** Leaves hold no result of the region, wherever they were first read. */
function belongs(node: Node, region: Region): boolean {
  if (node.operation.leaf) return false;
  for (let own = node.region; own; own = own.parent) if (own === region) return true;
  return false;
}

/** Nodes of the region that `node` needs and that are not made again yet, in the order they were traced. */
function missing(node: Node, region: Region, pass: Pass): readonly Node[] {
  const found = new Set<Node>();
  const pending = [node];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (found.has(next) || pass.made.has(next) || !belongs(next, region)) continue;
    found.add(next);
    for (const input of next.inputs) pending.push(input.node);
  }
  return [...found].sort((a, b) => (a.outputs[0]?.id ?? 0) - (b.outputs[0]?.id ?? 0));
}

function recomputedOrigin(origin: Origin): Origin {
  return {
    path: `${origin.path}${origin.path ? ' ' : ''}(recomputed)`,
    get source() {
      return origin.source; // found only when it is asked for
    },
  };
}
