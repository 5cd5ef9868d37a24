// Functions of shaders that WGSL lacks, or whose accuracy it leaves open.

const functions: Readonly<Record<string, { readonly text: string; readonly needs?: readonly string[] }>> = {
  // The compiler must not see that the result is no finite number: WGSL forbids constant expressions like that.
  nonFinite: {
    text: `var<private> noBits: u32 = 0u;
fn nonFinite(bits: u32) -> f32 { return bitcast<f32>(bits | noBits); }`,
  },
};

/** WGSL: the functions named and those that they need, each once. */
export function mathFunctions(names: Iterable<string>): string {
  const texts = new Map<string, string>();
  const add = (name: string): void => {
    const found = functions[name];
    if (!found) throw new Error(`no shader function ${name}`);
    if (texts.has(name)) return;
    for (const needed of found.needs ?? []) add(needed);
    texts.set(name, found.text);
  };
  for (const name of names) add(name);
  return [...texts.values()].join('\n');
}
