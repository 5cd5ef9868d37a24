// Share: two nodes with the same operation, attributes and inputs are one (common subexpressions).
import type { Graph } from './graph.ts';
import { rewrite } from './rewrite.ts';
import { applyOperation } from './trace.ts';
import type { Attribute, Attributes, Value } from './value.ts';

export function share(graph: Graph): Graph {
  const seen = new Map<string, readonly Value[]>();
  const identities = new Map<object, number>();
  const identity = (object: object): number => {
    const known = identities.get(object);
    if (known !== undefined) return known;
    identities.set(object, identities.size);
    return identities.size - 1;
  };
  return rewrite(graph, (node, inputs) => {
    const key = `${identity(node.operation)} ${inputs.map((v) => v.id).join(',')} ${attributeKey(node.attributes, identity)}`;
    const earlier = seen.get(key);
    if (earlier) return earlier;
    const outputs = applyOperation(node.operation, inputs, node.attributes);
    seen.set(key, outputs);
    return outputs;
  });
}

/** A text equal for equal attributes: plain data by content, other objects (programs, variables) by identity. */
function attributeKey(attributes: Attributes, identity: (object: object) => number): string {
  const part = (value: Attribute): string => {
    if (Array.isArray(value)) return `[${value.join(',')}]`;
    if (ArrayBuffer.isView(value)) {
      const numbers = value as Float64Array | Int32Array;
      return numbers.length <= 64 ? `${numbers.constructor.name}(${numbers.join(',')})` : `#${identity(value)}`;
    }
    if (typeof value === 'object') return `#${identity(value)}`;
    return Object.is(value, -0) ? '-0' : String(value);
  };
  return Object.entries(attributes)
    .map(([name, value]) => `${name}=${part(value)}`)
    .join(' ');
}
