// Shaders with matrices of subgroups on devices that have none: every thread of a subgroup holds whole matrices of 8 × 8 and makes
// all of their sums, and halves are packed by the functions that base devices have. For tests of a shader's logic; the sums are those of
// f16 factors in f32, in another order.

/** Number `at` of an array, by the type of its elements: halves in words, or numbers. */
const halfOf: Readonly<Record<string, (name: string) => string>> = {
  'vec4<u32>': (name) => `unpack2x16float(${name}[at / 8u][at % 8u / 2u])[at % 2u]`,
  Halves: (name) => `unpack2x16float(${name}[at / 4u][at % 4u / 2u])[at % 2u]`,
};
const numberOf: Readonly<Record<string, (name: string) => string>> = {
  f32: (name) => `${name}[at]`,
  'vec4<f32>': (name) => `${name}[at / 4u][at % 4u]`,
};
const numbersOf: Readonly<Record<string, number>> = { 'vec4<u32>': 8, Halves: 4, f32: 1, 'vec4<f32>': 4 };

const find = <T>(table: Readonly<Record<string, T>>, element: string): T => {
  const found = table[element];
  if (found === undefined) throw new Error(`the emulation knows no matrices in arrays of ${element}`);
  return found;
};

const load = (name: string, element: string, order: string): string => {
  const numbers = find(numbersOf, element);
  const place = order === 'row_major' ? `i * stride * ${numbers}u + j` : `j * stride * ${numbers}u + i`;
  return `fn ${name}_${order}(cells: ptr<function, Cells>, offset: u32, stride: u32) {
  for (var i = 0u; i < 8u; i++) {
    for (var j = 0u; j < 8u; j++) { let at = offset * ${numbers}u + ${place}; (*cells)[i * 8u + j] = ${find(halfOf, element)(name)}; }
  }
}`;
};

const placeOfSums = (element: string): string => {
  const numbers = find(numbersOf, element);
  return `let at = offset * ${numbers}u + i / 8u * stride * ${numbers}u + i % 8u;`;
};

const store = (
  name: string,
  element: string,
): string => `fn ${name}_store(cells: ptr<function, Cells>, offset: u32, stride: u32, lane: u32) {
  if (lane > 0u) { return; }
  for (var i = 0u; i < 64u; i++) { ${placeOfSums(element)} ${find(numberOf, element)(name)} = (*cells)[i]; }
}`;

const loadSums = (
  name: string,
  element: string,
): string => `fn ${name}_sums(cells: ptr<function, Cells>, offset: u32, stride: u32) {
  for (var i = 0u; i < 64u; i++) { ${placeOfSums(element)} (*cells)[i] = ${find(numberOf, element)(name)}; }
}`;

const multiply = `fn multiply_add(left: ptr<function, Cells>, right: ptr<function, Cells>, sums: ptr<function, Cells>) {
  for (var i = 0u; i < 8u; i++) {
    for (var j = 0u; j < 8u; j++) {
      for (var l = 0u; l < 8u; l++) { (*sums)[i * 8u + j] += (*left)[i * 8u + l] * (*right)[l * 8u + j]; }
    }
  }
}`;

/** The shader without the extension; for factors staged as vec4<u32>, or as vec4<f16> by the name of `Halves`. */
export function emulateSubgroupMatrices(source: string): string {
  if (!source.includes('subgroup_matrix')) return source;
  const text = source
    .replaceAll(/enable (f16|chromium_experimental_subgroup_matrix);\n/g, '')
    .replace('bitcast<vec2<u32>>(vec4<f16>(x))', 'vec2<u32>(pack2x16float(x.xy), pack2x16float(x.zw))')
    .replace('return Halves(x);', 'return Halves(pack2x16float(x.xy), pack2x16float(x.zw));')
    .replace('alias Halves = vec4<f16>;', 'alias Halves = vec2<u32>;')
    .replaceAll(/alias (Left|Right)Matrix = .*\n/g, '')
    .replaceAll(/subgroup_matrix_result<f32, 8, 8>/g, 'Cells')
    .replaceAll(/(\w+) = subgroupMatrixLoad<(?:Cells|Sums), row_major>\(&(\w+), /g, '$2_sums(&$1, ')
    .replaceAll(
      /let (\w+) = subgroupMatrixLoad<(?:subgroup_matrix_\w+<f16, 8, 8>|\w+Matrix), (\w+)>\(&(\w+), /g,
      'var $1: Cells; $3_$2(&$1, ',
    )
    .replaceAll(/subgroupMatrixStore<row_major>\(&(\w+), (.*), (\w+), (\w+)\);/g, '$1_store(&$3, $2, $4, lane);')
    .replaceAll(/(\w+) = subgroupMatrixMultiplyAccumulate\((\w+), (\w+), \1\)/g, 'multiply_add(&$2, &$3, &$1)');
  const arrays = [...text.matchAll(/var<[\w, ]+> (\w+): array<((?:\w+<\w+>)|\w+)/g)];
  const functions = arrays.flatMap(([, name = '', element = '']) => [
    ...['row_major', 'col_major'].flatMap((order) =>
      text.includes(`${name}_${order}(`) ? [load(name, element, order)] : [],
    ),
    ...(text.includes(`${name}_store(`) ? [store(name, element)] : []),
    ...(text.includes(`${name}_sums(`) ? [loadSums(name, element)] : []),
  ]);
  return [text, 'alias Cells = array<f32, 64>;', multiply, ...functions].join('\n');
}
