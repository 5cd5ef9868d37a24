// Scopes: where layers declare their parameters. A scope is a path in the model ("backbone.layers.0.mixer"); a parameter's full
// name is its checkpoint name. Declaring allocates nothing: a store (session/) gives the variables memory later.
// Calling a layer runs inside `within`, so that the values it makes record the same path.
import { UsageError } from '../errors.ts';
import { within } from '../graph/trace.ts';
import type { Initializer, OptimizerGroup, Variable } from '../graph/variable.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Quantization } from '../tensor/quantization.ts';
import type { Shape } from '../tensor/shape.ts';

export interface ParameterOptions {
  readonly initialize: Initializer;
  /** Default f32; i32 for quantised weights. */
  readonly dtype?: DType | undefined;
  /** How the optimiser treats it; default: like every other parameter. */
  readonly group?: OptimizerGroup | undefined;
}

/** A place in the model where parameters are declared. */
export interface Scope {
  /** Full path, dots between; empty at the root. */
  readonly path: string;
  /** How the matrices below are stored; undefined: in f32. */
  readonly quantization: Quantization | undefined;
  /** Every variable declared so far anywhere below the root, in order of declaration. */
  readonly variables: readonly Variable[];
  /** The scope one name deeper; the name may itself contain dots (`layers.0`). */
  child(name: string): Scope;
  /**
   * Declares a parameter.
   * @throws UsageError `duplicate-parameter` when the full name is taken, `parameter-shape` for sizes that are no counts.
   */
  parameter(name: string, shape: Shape, options: ParameterOptions): Variable;
  /** Runs `build` with this scope's own name appended to the path that values record. */
  within<T>(build: () => T): T;
}

/** The scope of a whole model; `quantization`: of its matrices. */
export function rootScope(quantization?: Quantization): Scope {
  return makeScope('', '', { variables: [], names: new Set(), quantization });
}

interface Registry {
  readonly variables: Variable[];
  readonly names: Set<string>;
  readonly quantization: Quantization | undefined;
}

function makeScope(path: string, ownName: string, registry: Registry): Scope {
  const join = (name: string): string => (path === '' ? name : `${path}.${name}`);
  return {
    path,
    variables: registry.variables,
    quantization: registry.quantization,
    child: (name) => makeScope(join(name), name, registry),
    parameter: (name, shape, { initialize, group, dtype = 'f32' }) => {
      const full = join(name);
      if (registry.names.has(full)) {
        throw new UsageError(
          'duplicate-parameter',
          `scope: a parameter's full name must be its own; got "${full}" twice. Give each layer its own child scope.`,
          { parameter: full },
        );
      }
      if (!shape.every((size) => Number.isSafeInteger(size) && size >= 1)) {
        throw new UsageError(
          'parameter-shape',
          `scope: the sizes of parameter "${full}" must be whole numbers of at least 1; got [${shape.join(', ')}]. Check the layer's options.`,
          { parameter: full, shape },
        );
      }
      const variable: Variable = {
        name: full,
        shape,
        dtype,
        kind: 'parameter',
        initialize,
        ...(group && { group }),
      };
      registry.names.add(full);
      registry.variables.push(variable);
      return variable;
    },
    within: (build) => (ownName === '' ? build() : within(ownName, build)),
  };
}
