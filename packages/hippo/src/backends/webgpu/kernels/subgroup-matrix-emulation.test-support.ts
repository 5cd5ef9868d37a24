// Shaders with matrices of subgroups on devices that have none: every thread of a subgroup holds whole matrices of 8 × 8 and makes
// all of their sums, and halves are packed by the functions that base devices have. For tests of a shader's logic; the sums are those of
// f16 factors in f32, in another order.

const storage = (name: string): string => `fn ${name}_half(at: u32) -> f32 {
  return unpack2x16float(${name}[at / 8u][at % 8u / 2u])[at % 2u];
}`;

const load = (
  name: string,
  side: string,
  order: string,
  place: string,
): string => `fn ${side}_${order}(offset: u32, stride: u32) -> Cells {
  var cells: Cells;
  for (var i = 0u; i < 8u; i++) { for (var j = 0u; j < 8u; j++) { cells[i * 8u + j] = ${name}_half(offset * 8u + ${place}); } }
  return cells;
}`;

const store = (name: string): string => `fn ${name}_store(offset: u32, value: Cells, stride: u32, lane: u32) {
  var cells = value;
  if (lane > 0u) { return; }
  for (var i = 0u; i < 64u; i++) { ${name}[offset + i / 8u * stride + i % 8u] = cells[i]; }
}`;

const loadSums = `fn sums(offset: u32, stride: u32) -> Cells {
  var cells: Cells;
  for (var i = 0u; i < 64u; i++) { cells[i] = matrixC[offset + i / 8u * stride + i % 8u]; }
  return cells;
}`;

const multiply = `fn multiply_add(a: Cells, b: Cells, c: Cells) -> Cells {
  var left = a;
  var right = b;
  var sums = c;
  for (var i = 0u; i < 8u; i++) {
    for (var j = 0u; j < 8u; j++) {
      for (var l = 0u; l < 8u; l++) { sums[i * 8u + j] += left[i * 8u + l] * right[l * 8u + j]; }
    }
  }
  return sums;
}`;

/** The shader without the extension; for factors staged as vec4<u32>. */
export function emulateSubgroupMatrices(source: string): string {
  if (!source.includes('subgroup_matrix')) return source;
  const targets = ['scratch', 'matrixC'].filter((name) => source.includes(`&${name}`));
  const functions = [
    'alias Cells = array<f32, 64>;',
    storage('tileA'),
    storage('tileB'),
    load('tileA', 'left', 'row_major', 'i * stride * 8u + j'),
    load('tileA', 'left', 'col_major', 'j * stride * 8u + i'),
    load('tileB', 'right', 'row_major', 'i * stride * 8u + j'),
    load('tileB', 'right', 'col_major', 'j * stride * 8u + i'),
    ...targets.map(store),
    ...(source.includes('(&matrixC') ? [loadSums] : []),
    multiply,
  ];
  const text = source
    .replaceAll(/enable (f16|chromium_experimental_subgroup_matrix);\n/g, '')
    .replace('bitcast<vec2<u32>>(vec4<f16>(x))', 'vec2<u32>(pack2x16float(x.xy), pack2x16float(x.zw))')
    .replaceAll(/subgroup_matrix_result<f32, 8, 8>/g, 'Cells')
    .replaceAll(/subgroupMatrixLoad<subgroup_matrix_(left|right)<f16, 8, 8>, (\w+)>\(&tile[AB], /g, '$1_$2(')
    .replaceAll('subgroupMatrixLoad<Cells, row_major>(&matrixC, ', 'sums(')
    .replaceAll(/subgroupMatrixStore<row_major>\(&(\w+), (.*)\);/g, '$1_store($2, lane);')
    .replaceAll('subgroupMatrixMultiplyAccumulate', 'multiply_add');
  return `${text}\n${functions.join('\n')}`;
}
