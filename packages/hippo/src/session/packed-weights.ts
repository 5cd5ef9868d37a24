// Packed weights: a product whose second operand is a frozen weight reads it from panels that are made once, at compile time,
// and shared by every function compiled for the same store (the plans of all prefill chunks, the scorer). The backend says
// which products gain from it (`KernelTable.packing`); a function with few rows reads the weight as it lies.
import type { Graph } from '../graph/graph.ts';
import { rewrite } from '../graph/rewrite.ts';
import { assign, read, traceGraph } from '../graph/trace.ts';
import type { Node } from '../graph/value.ts';
import { stateVariable, type Variable } from '../graph/variable.ts';
import type { MatmulAttributes } from '../ops/matmul.ts';
import { packedMatmul } from '../ops/matmul-epilogue.ts';
import { packColumns, packColumnsOperation } from '../ops/pack-columns.ts';
import type { KernelTable } from '../plan/kernel.ts';
import type { Store } from './store.ts';

/** A graph that reads packed weights, and what fills them. */
export interface PackedGraph {
  readonly graph: Graph;
  /** Held until `releasePacked`. */
  readonly packed: readonly Variable[];
  /** Writes all of them anew: a weight may have changed since another function had it packed. */
  readonly fill: Graph | undefined;
}

interface Shared {
  readonly variable: Variable;
  readonly weight: Variable;
  readonly transposed: boolean;
  readonly width: number;
  users: number;
}

const sharedOf = new WeakMap<Store, Map<string, Shared>>();

/** Replaces products with frozen weights and makes room for the panels in the store. */
export function packWeights(
  graph: Graph,
  {
    store,
    frozen,
    kernels,
  }: { readonly store: Store; readonly frozen: ReadonlySet<Variable>; readonly kernels: KernelTable },
): PackedGraph {
  const held = new Set<Shared>();
  const packed = rewrite(graph, (node, inputs) => {
    const width = kernels.packing?.(node);
    const weight = width === undefined ? undefined : frozenWeight(node, graph, frozen);
    const [a] = inputs;
    if (width === undefined || !weight || !a) return undefined;
    const { transposeA, transposeB: transposed } = node.attributes as MatmulAttributes;
    const shared = sharedPanels(store, { weight, transposed, width });
    held.add(shared);
    return [packedMatmul(a, read(shared.variable), { transposeA, columns: node.outputs[0]?.shape[1] ?? 1 })];
  });
  if (held.size === 0) return { graph, packed: [], fill: undefined };
  const variables = [...held].map((shared) => {
    shared.users++;
    return shared.variable;
  });
  store.initialize(variables);
  const fill = traceGraph(() => {
    for (const { variable, weight, transposed, width } of held)
      assign(variable, packColumns(read(weight), { transposed, width }));
    return {};
  });
  return { graph: packed, packed: variables, fill };
}

/** Gives panels back that no other function uses. */
export function releasePacked(store: Store, variables: readonly Variable[]): void {
  const known = sharedOf.get(store);
  for (const variable of variables) {
    const shared = known?.get(variable.name);
    if (!shared || --shared.users > 0) continue;
    known?.delete(variable.name);
    if (store.has(variable)) store.drop([variable]);
  }
}

/** The frozen variable that is the second operand of a product of two matrices. */
function frozenWeight({ inputs }: Node, graph: Graph, frozen: ReadonlySet<Variable>): Variable | undefined {
  const [a, b] = inputs;
  if (b?.node.operation.leaf !== 'variable' || a?.shape.length !== 2 || b.shape.length !== 2) return undefined;
  const variable = b.node.attributes.variable as Variable;
  return frozen.has(variable) && !graph.assignments.has(variable) ? variable : undefined;
}

function sharedPanels(store: Store, wanted: Pick<Shared, 'weight' | 'transposed' | 'width'>): Shared {
  const known = sharedOf.get(store) ?? new Map<string, Shared>();
  sharedOf.set(store, known);
  const { weight, transposed, width } = wanted;
  const name = `${weight.name}.packed${width}${transposed ? 't' : ''}`;
  const found = known.get(name);
  if (found && store.has(found.variable)) return found;
  const [panels] = packColumnsOperation.infer([weight], { transposed, width });
  const made: Shared = { ...wanted, variable: stateVariable(name, panels?.shape ?? []), users: 0 };
  known.set(name, made);
  return made;
}
