// When a call is worth sharing between threads: waking one costs as much as some thousand element operations.

const smallest = 8192; // about 2 µs of streaming work, two to four times what a fork and join cost

/** Spread into a call: `parts: 1` where the element operations are too few to be shared. */
export function sharing(elementOperations: number): { readonly parts?: 1 } {
  return elementOperations < smallest ? { parts: 1 } : {};
}
