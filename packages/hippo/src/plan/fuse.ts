// Fuse: elementwise nodes (and the movements they read through) with one iteration space, axes of one element aside, become one group,
// hence one kernel and one pass over memory. Two groups may merge unless a third one lies between them, which would make a cycle.
import { VerifyError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { Node, Value } from '../graph/value.ts';
import { filledWith } from '../ops/constant.ts';
import { sameShape, withoutUnits } from '../tensor/shape.ts';
import type { KernelTable, LoweredKernel } from './kernel.ts';

/** Nodes that become one step. A structural operation is alone in its group. */
export interface Group {
  readonly nodes: readonly Node[];
  readonly fused: boolean;
}

interface Draft {
  nodes: Node[];
  readonly fused: boolean;
  /** Groups this one reads from; `true` where through a movement, so that merging is impossible. */
  readonly dependencies: Map<Draft, boolean>;
  /** Groups that read from this one. */
  readonly dependents: Set<Draft>;
  /** The largest node number among this group and all it depends on: whoever depends on it has no smaller one. */
  position: number;
  mergedInto: Draft | undefined;
}

/** The value whose memory this one is: aliases (reshape) followed to their source. */
export function storageOf(value: Value): Value {
  let source = value;
  while (source.node.operation.alias && source.node.inputs[0]) source = source.node.inputs[0];
  return source;
}

/** What aliases between `value` and its storage wait for besides: they order steps and move no bytes. */
function waitsOf(value: Value): ReadonlySet<Value> {
  const waits = new Set<Value>();
  const aliases = new Set<Value>();
  const pending = [value];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (!next.node.operation.alias || aliases.has(next)) continue;
    aliases.add(next);
    pending.push(...next.node.inputs);
    for (const other of next.node.inputs.slice(1)) waits.add(storageOf(other));
  }
  return waits;
}

/** Partitions the graph's nodes into groups, in an order in which they can run. */
export function fuse(graph: Graph, kernels: KernelTable<LoweredKernel>): readonly Group[] {
  const groupOf = new Map<Node, Draft>();
  const drafts: Draft[] = [];
  const readers = kernels.fusion?.maxBindings === undefined ? undefined : readersOf(graph);
  for (const node of graph.nodes) {
    const { operation } = node;
    if (operation.leaf || operation.alias) continue;
    const fused = kernels.fusion !== undefined && (operation.view !== undefined || operation.elementwise === true);
    const draft: Draft = {
      nodes: [node],
      fused,
      dependencies: new Map(),
      dependents: new Set(),
      position: nodeId(node),
      mergedInto: undefined,
    };
    const dependOn = (source: Value, hard: boolean): void => {
      const group = groupOf.get(source.node);
      if (!group) return;
      const root = find(group);
      draft.dependencies.set(root, hard || (draft.dependencies.get(root) ?? false));
      root.dependents.add(draft);
      draft.position = Math.max(draft.position, root.position);
    };
    for (const input of node.inputs) {
      const source = storageOf(input);
      dependOn(source, operation.view !== undefined || !sameShape(withoutUnits(source.shape), spaceOf(node)));
      for (const wait of waitsOf(input)) dependOn(wait, false);
    }
    drafts.push(draft);
    groupOf.set(node, draft);
    if (fused && kernels.fusion) joinProducers(draft, { ...kernels.fusion, readers });
  }
  return order(drafts);
}

/** The iteration space of an elementwise or movement node. */
export function spaceOf(node: Node): readonly number[] {
  return withoutUnits(node.outputs[0]?.shape ?? []);
}

function find(draft: Draft): Draft {
  let root = draft;
  while (root.mergedInto) root = root.mergedInto;
  return root;
}

/** What groups may hold; `readers` where the number of bindings counts. */
type Limits = Omit<NonNullable<KernelTable<LoweredKernel>['fusion']>, 'has' | 'kernel'> & {
  readonly readers: Readers | undefined;
};

function joinProducers(draft: Draft, limits: Limits): void {
  const [node] = draft.nodes;
  if (!node) return;
  const space = spaceOf(node);
  for (const [producer, hard] of [...draft.dependencies]) {
    const other = find(producer);
    const current = find(draft);
    const [first] = other.nodes;
    if (hard || other === current || !other.fused || !first || !sameShape(spaceOf(first), space)) continue;
    if (!fits(current, other, limits) || isBetween(current, other) || isBetween(other, current)) continue;
    if (dependenciesOf(current).get(other) || dependenciesOf(other).get(current)) continue;
    merge(current, other);
  }
}

function fits(a: Draft, b: Draft, { maxInstructions, maxInputs, maxBindings, readers }: Limits): boolean {
  const nodes = new Set([...a.nodes, ...b.nodes]);
  const inputs = new Set<Value>();
  for (const node of nodes) for (const input of node.inputs) if (!nodes.has(storageOf(input).node)) inputs.add(input);
  if (nodes.size > maxInstructions || inputs.size > maxInputs) return false;
  return !readers || maxBindings === undefined || bindingsOf(nodes, readers) <= maxBindings;
}

/** The nodes that read each storage; `undefined` stands for a result of the graph or an assignment. */
type Readers = ReadonlyMap<Value, ReadonlySet<Node | undefined>>;

function readersOf(graph: Graph): Readers {
  const readers = new Map<Value, Set<Node | undefined>>();
  const add = (value: Value, reader: Node | undefined): void => {
    const storage = storageOf(value);
    const known = readers.get(storage) ?? new Set();
    readers.set(storage, known.add(reader));
  };
  for (const node of graph.nodes) if (!node.operation.alias) for (const input of node.inputs) add(input, node);
  for (const value of [...graph.outputs.values(), ...graph.assignments.values()]) add(value, undefined);
  return readers;
}

/** Storages that a group of nodes reads from outside or writes for outside; numbers that fill a whole tensor take none. */
function bindingsOf(nodes: ReadonlySet<Node>, readers: Readers): number {
  const storages = new Set<Value>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      const storage = storageOf(input);
      if (!nodes.has(storage.node) && filledWith(storage) === undefined) storages.add(storage);
    }
    for (const output of node.outputs)
      if ([...(readers.get(output) ?? [])].some((reader) => !reader || !nodes.has(reader))) storages.add(output);
  }
  return storages.size;
}

/** Dependencies with merged groups followed to what they are now; what is found is kept. */
function dependenciesOf(draft: Draft): ReadonlyMap<Draft, boolean> {
  for (const [dependency, hard] of [...draft.dependencies]) {
    const root = find(dependency);
    if (root === dependency && root !== draft) continue;
    draft.dependencies.delete(dependency);
    if (root !== draft) draft.dependencies.set(root, hard || (draft.dependencies.get(root) ?? false));
  }
  return draft.dependencies;
}

/** True when `from` depends on `to` through at least one other group. */
function isBetween(from: Draft, to: Draft): boolean {
  const mayReach = (group: Draft): boolean => group.position >= to.position;
  const seen = new Set<Draft>();
  const pending = [...dependenciesOf(from).keys()].filter((group) => group !== to && mayReach(group));
  for (let group = pending.pop(); group; group = pending.pop()) {
    if (group === to) return true;
    if (seen.has(group)) continue;
    seen.add(group);
    for (const dependency of dependenciesOf(group).keys()) if (mayReach(dependency)) pending.push(dependency);
  }
  return false;
}

function merge(keep: Draft, other: Draft): void {
  const [early, late] = firstId(keep) < firstId(other) ? [keep, other] : [other, keep];
  for (const [dependency, hard] of early.dependencies)
    late.dependencies.set(dependency, hard || (late.dependencies.get(dependency) ?? false));
  late.nodes = [...early.nodes, ...late.nodes].sort((a, b) => nodeId(a) - nodeId(b));
  for (const dependent of early.dependents) late.dependents.add(dependent);
  early.mergedInto = late;
  raise(late, Math.max(early.position, late.position));
}

/** Hands a larger position on to everything that depends on the group. */
function raise(draft: Draft, position: number): void {
  draft.position = position;
  const pending = [...draft.dependents];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const group = find(next);
    if (group === draft || group.position >= position) continue;
    group.position = position;
    pending.push(...group.dependents);
  }
}

function nodeId(node: Node): number {
  return node.outputs[0]?.id ?? 0;
}

function firstId(draft: Draft): number {
  return nodeId(draft.nodes[0] as Node);
}

function lastId(draft: Draft): number {
  return nodeId(draft.nodes[draft.nodes.length - 1] as Node);
}

/** Emits each group after the groups it depends on, otherwise in the order of its last node. */
function order(drafts: readonly Draft[]): readonly Group[] {
  const roots = drafts.filter((draft) => !draft.mergedInto);
  roots.sort((a, b) => lastId(a) - lastId(b));
  const emitted = new Set<Draft>();
  const waitingFor = new Set<Draft>();
  const result: Group[] = [];
  const emit = (root: Draft): void => {
    const stack: Draft[] = [root];
    while (stack.length > 0) {
      const draft = stack[stack.length - 1] as Draft;
      const waiting = emitted.has(draft)
        ? []
        : [...dependenciesOf(draft).keys()].filter((group) => !emitted.has(group));
      if (waiting.length > 0) {
        if (waitingFor.has(draft)) throw new VerifyError('fusion-cycle', 'fuse: two groups wait for each other.');
        waitingFor.add(draft);
        stack.push(...waiting);
        continue;
      }
      stack.pop();
      if (emitted.has(draft)) continue;
      emitted.add(draft);
      result.push({ nodes: draft.nodes, fused: draft.fused });
    }
  };
  roots.forEach(emit);
  return result;
}
