// A short name for a model's content, by which a saved state knows its model: hash of the configuration, the parameters' names and
// shapes, and the bits of up to 64 numbers spread over each parameter. Samples, because a state is restored far more often than
// weights are worth reading; training, merging or rounding changes nearly every number of a parameter.
// Hash: FNV-1a (Fowler, Noll, Vo), two of 32 bits.
import { read } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import { reshape, slice } from '../ops/index.ts';
import { compile } from '../session/compile.ts';
import type { Store } from '../session/store.ts';
import { elementCount } from '../tensor/shape.ts';

const samples = 64;

/** Sixteen hexadecimal digits. The same on every backend. @throws UsageError `unknown-variable` for weights not in the store. */
export async function modelFingerprint(
  model: { readonly config: object; readonly variables: readonly Variable[] },
  store: Store,
): Promise<string> {
  const { variables } = model;
  const hash = new Hash();
  hash.text(JSON.stringify(Object.entries(model.config).sort(([a], [b]) => (a < b ? -1 : 1))));
  using sample = await compile(
    () => Object.fromEntries(variables.map((variable, index) => [String(index), spread(read(variable))])),
    { store },
  );
  const found = await sample({});
  variables.forEach(({ name, shape, dtype }, index) => {
    hash.text(`${name} ${dtype} ${shape.join(',')}`);
    const data = found[String(index)]?.data;
    if (data) hash.words(new Uint32Array(data.buffer, data.byteOffset, data.length));
  });
  return hash.hex();
}

/** Up to 64 elements at equal distances. */
function spread(value: Value): Value {
  const count = elementCount(value.shape);
  const rows = Math.min(samples, count);
  const step = Math.floor(count / rows);
  const used = slice(reshape(value, [count]), [0], [rows * step]);
  return reshape(slice(reshape(used, [rows, step]), [0, 0], [rows, 1]), [rows]);
}

class Hash {
  #low = 0x811c9dc5;
  #high = 0x01000193;

  #byte(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    // The second one sees every byte turned around, so that the two do not move together.
    this.#high = Math.imul(this.#high ^ (value ^ 0xa5), 0x01000193) ^ (this.#low >>> 15);
  }

  text(text: string): void {
    for (const byte of new TextEncoder().encode(`${text}\n`)) this.#byte(byte);
  }

  words(words: Uint32Array): void {
    for (const word of words) for (let shift = 0; shift < 32; shift += 8) this.#byte((word >>> shift) & 0xff);
  }

  hex(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
