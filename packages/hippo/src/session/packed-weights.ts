// Packed weights: a product whose second operand is a frozen weight reads it from panels, or rounded to f16, as it was made once, at
// compile time, for every function compiled for the same store (the plans of all prefill chunks, the scorer). The backend says
// which products gain from it (`KernelTable.packing`); others read the weight as it lies.
import type { Graph } from '../graph/graph.ts';
import { rewrite } from '../graph/rewrite.ts';
import { applyOperation, applySingle, assign, read, traceGraph } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { stateVariable, type Variable } from '../graph/variable.ts';
import { castToF16Operation } from '../ops/cast-to-f16.ts';
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
  /** What fills the variable. */
  make(weight: Value): Value;
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
    const packing = kernels.packing?.(node);
    if (!packing) return undefined;
    const shareOf = (at: number, share: (weight: Variable) => Shared): Value | undefined => {
      const weight = frozenWeight(node.inputs[at], graph, frozen);
      if (!weight) return undefined;
      const shared = share(weight);
      held.add(shared);
      return read(shared.variable);
    };
    if ('halves' in packing) {
      const halves = new Map(packing.halves.map((at) => [at, shareOf(at, (weight) => sharedHalves(store, weight))]));
      const operands = inputs.map((value, at) => halves.get(at) ?? value);
      return applyOperation(node.operation, operands, node.attributes);
    }
    const { transposeA, transposeB: transposed } = node.attributes as MatmulAttributes;
    const panels = shareOf(1, (weight) => sharedPanels(store, { weight, transposed, width: packing.columns }));
    const [a] = inputs;
    return a && panels && [packedMatmul(a, panels, { transposeA, columns: node.outputs[0]?.shape[1] ?? 1 })];
  });
  if (held.size === 0) return { graph, packed: [], fill: undefined };
  const variables = [...held].map((shared) => {
    shared.users++;
    return shared.variable;
  });
  store.initialize(variables);
  const fill = traceGraph(() => {
    for (const { variable, weight, make } of held) assign(variable, make(read(weight)));
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

/** The frozen variable that an operand is, if it is a matrix. */
function frozenWeight(operand: Value | undefined, graph: Graph, frozen: ReadonlySet<Variable>): Variable | undefined {
  if (operand?.node.operation.leaf !== 'variable' || operand.shape.length !== 2) return undefined;
  const variable = operand.node.attributes.variable as Variable;
  return frozen.has(variable) && !graph.assignments.has(variable) ? variable : undefined;
}

function sharedPanels(
  store: Store,
  { weight, ...layout }: { readonly weight: Variable; readonly transposed: boolean; readonly width: number },
): Shared {
  const [panels] = packColumnsOperation.infer([weight], layout);
  const name = `${weight.name}.packed${layout.width}${layout.transposed ? 't' : ''}`;
  const variable = stateVariable(name, panels?.shape ?? []);
  return sharedIn(store, { variable, weight, make: (value) => packColumns(value, layout) });
}

function sharedHalves(store: Store, weight: Variable): Shared {
  const variable = stateVariable(`${weight.name}.f16`, weight.shape, 'f16');
  return sharedIn(store, { variable, weight, make: (value) => applySingle(castToF16Operation, [value], {}) });
}

/** The one of this name that other functions use, or this one from now on. */
function sharedIn(store: Store, wanted: Omit<Shared, 'users'>): Shared {
  const known = sharedOf.get(store) ?? new Map<string, Shared>();
  sharedOf.set(store, known);
  const { name } = wanted.variable;
  const found = known.get(name);
  if (found && store.has(found.variable)) return found;
  const made = { ...wanted, users: 0 };
  known.set(name, made);
  return made;
}
