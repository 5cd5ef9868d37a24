// How the kernels over sequences cut them up: a workgroup walks along its rows tile by tile, each of its threads has one chunk of
// consecutive steps, and one buffer of workgroup memory turns loads that are coalesced into chunks that are not (and back). Chunks
// there are one vector of four further apart than they are long, so that threads meet in different banks.

/** Rows and steps of the operands, [channels, batch, length]. */
export interface RowSizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
}

export interface Tiles {
  readonly threads: number;
  /** Steps of a chunk, a multiple of 4. */
  readonly chunk: number;
  /** Rows that a workgroup has at once; more than one only where a tile holds whole rows. */
  readonly rows: number;
  /** Chunks of a row in a tile. */
  readonly chunks: number;
  /** Tiles of a row. */
  readonly count: number;
  /** Steps before a tile that are staged too, a multiple of 4. */
  readonly halo: number;
  /** Vectors of four of one row in the buffer. */
  readonly rowVectors: number;
  /** Vectors of the whole buffer. */
  readonly lineVectors: number;
}

const spread = (vectors: number): number => vectors + Math.floor(vectors / 8);

export function tilesOf(
  { batch, length }: RowSizes,
  {
    threads,
    chunk,
    halo,
    mostBytes,
  }: { readonly threads: number; readonly chunk: number; readonly halo: number; readonly mostBytes: number },
): Tiles {
  const chunksOfRow = Math.ceil(length / chunk);
  const chunks = Math.min(threads, chunksOfRow);
  const rowVectors = (halo + chunks * chunk) / 4;
  const fitting = Math.max(1, Math.floor(mostBytes / 16 / (rowVectors * 1.125)));
  const rows = Math.min(Math.floor(threads / chunks), batch, fitting);
  return {
    ...{ threads, chunk, halo, chunks, rows, rowVectors },
    count: Math.ceil(chunksOfRow / chunks),
    lineVectors: spread(rows * rowVectors) + 1,
  };
}

/** WGSL: where vector i lies in the buffer, `spread(i)`. */
export const spreadFunction = 'fn spread(i: u32) -> u32 { return i + (i >> 3u); }';

/** WGSL type of an operand's elements: rows of whole vectors are read as such. */
export const rowElement = (length: number): string => (length % 4 === 0 ? 'vec4<f32>' : 'f32');

/**
 * WGSL: `load_NAME(row, t) -> vec4<f32>`, steps t … t + 3 of a row (t a multiple of 4); zeros outside it, or `before(row, t)` for single
 * steps before its start.
 */
export function loadFunction(name: string, length: number, before?: string): string {
  const whole = length % 4 === 0;
  const earlier =
    before === undefined
      ? 'vec4<f32>(0.0)'
      : `vec4<f32>(${[0, 1, 2, 3].map((i) => `${before}(row, t + ${i})`).join(', ')})`;
  const inside = whole
    ? `return ${name}[(row * ${length}u + u32(t)) / 4u];`
    : `let at = row * ${length}u + u32(t);
  var found = vec4<f32>(${name}[at], 0.0, 0.0, 0.0);
  if (t + 1 < ${length}) { found.y = ${name}[at + 1u]; }
  if (t + 2 < ${length}) { found.z = ${name}[at + 2u]; }
  if (t + 3 < ${length}) { found.w = ${name}[at + 3u]; }
  return found;`;
  return `fn load_${name}(row: u32, t: i32) -> vec4<f32> {
  if (t < 0) { return ${earlier}; }
  if (t >= ${length}) { return vec4<f32>(0.0); }
  ${inside}
}`;
}

/** WGSL: `store_NAME(row, t, value)`, steps t … t + 3 of a row, those inside it. */
export function storeFunction(name: string, length: number): string {
  const body =
    length % 4 === 0
      ? `${name}[(row * ${length}u + t) / 4u] = value;`
      : `let at = row * ${length}u + t;
  ${name}[at] = value.x;
  if (t + 1u < ${length}u) { ${name}[at + 1u] = value.y; }
  if (t + 2u < ${length}u) { ${name}[at + 2u] = value.z; }
  if (t + 3u < ${length}u) { ${name}[at + 3u] = value.w; }`;
  return `fn store_${name}(row: u32, t: u32, value: vec4<f32>) {
  if (t >= ${length}u) { return; }
  ${body}
}`;
}

/** WGSL: the row `r`, first step `t` (i32) and place in the buffer `at` of the tile's vector number `i`, each name with a suffix. */
function vectorPlace(tiles: Tiles, halo: boolean, i: string, suffix: string): string {
  const skipped = halo ? 0 : tiles.halo / 4;
  const perRow = tiles.rowVectors - skipped;
  return `let r${suffix} = (${i}) / ${perRow}u;
      let t${suffix} = i32(((${i}) % ${perRow}u) * 4u + tile * ${tiles.chunks * tiles.chunk}u) - ${halo ? tiles.halo : 0};
      let at${suffix} = spread(r${suffix} * ${tiles.rowVectors}u + (${i}) % ${perRow}u + ${skipped}u);`;
}

/** Loads that a thread has on their way at once. */
const loadsAtOnce = 4;

/**
 * WGSL: the tile of an operand into the buffer `line`, zeros behind its rows. Some loads are started before the first is awaited: one
 * after another, each would cost the memory's whole latency.
 */
export function stageRows(tiles: Tiles, halo: boolean, name: string, line: string): string {
  const count = tiles.rows * (tiles.rowVectors - (halo ? 0 : tiles.halo / 4));
  const some = Array.from({ length: Math.min(loadsAtOnce, Math.ceil(count / tiles.threads)) }, (_, j) => j);
  return `for (var i = thread; i < ${count}u; i += ${some.length * tiles.threads}u) {
      ${some
        .map(
          (j) => `${vectorPlace(tiles, halo, `i + ${j * tiles.threads}u`, String(j))}
      var value${j} = vec4<f32>(0.0);
      if (r${j} < rowCount) { value${j} = load_${name}(firstRow + r${j}, t${j}); }`,
        )
        .join('\n      ')}
      ${some.map((j) => `${j === 0 ? '' : `if (i + ${j * tiles.threads}u < ${count}u) `}{ ${line}[at${j}] = value${j}; }`).join('\n      ')}
    }`;
}

/** WGSL: the buffer `line` into the tile of a result of rows of `length`, times the operand `gate` where there is one. */
export function unstageRows(tiles: Tiles, length: number, name: string, line: string, gate?: string): string {
  const count = tiles.rows * (tiles.rowVectors - tiles.halo / 4);
  const some = Array.from({ length: Math.min(loadsAtOnce, Math.ceil(count / tiles.threads)) }, (_, j) => j);
  const inside = (j: number): string =>
    `i + ${j * tiles.threads}u < ${count}u && r${j} < rowCount && t${j} < ${length}`;
  return `for (var i = thread; i < ${count}u; i += ${some.length * tiles.threads}u) {
      ${some
        .map(
          (j) =>
            `${vectorPlace(tiles, false, `i + ${j * tiles.threads}u`, String(j))}${
              gate === undefined
                ? ''
                : `
      var gate${j} = vec4<f32>(0.0);
      if (${inside(j)}) { gate${j} = load_${gate}(firstRow + r${j}, t${j}); }`
            }`,
        )
        .join('\n      ')}
      ${some.map((j) => `if (${inside(j)}) { store_${name}(firstRow + r${j}, u32(t${j}), ${line}[at${j}]${gate === undefined ? '' : ` * gate${j}`}); }`).join('\n      ')}
    }`;
}

/**
 * WGSL: y_i += Σ_{j ≤ i} taps_{i−j}·x_j within one vector of four: the triangle alone, so that no later input (which may be infinite)
 * is multiplied by zero.
 */
export function addTriangle(y: string, taps: string, x: string): string {
  return `${y} += ${x}.x * ${taps};
      ${y} = vec4<f32>(${y}.x, ${y}.yzw + ${x}.y * ${taps}.xyz);
      ${y} = vec4<f32>(${y}.xy, ${y}.zw + ${x}.z * ${taps}.xy);
      ${y}.w += ${x}.w * ${taps}.x;`;
}

/** WGSL: y_i += Σ_j taps_{d+i−j}·x_j for two vectors d ≥ 4 steps apart, `low` the taps d − 4 … and `high` the taps d …. */
export function addSquare(y: string, low: string, high: string, x: string): string {
  return `${y} += ${x}.x * ${high};
      ${y} += ${x}.y * vec4<f32>(${low}.w, ${high}.xyz);
      ${y} += ${x}.z * vec4<f32>(${low}.zw, ${high}.xy);
      ${y} += ${x}.w * vec4<f32>(${low}.yzw, ${high}.x);`;
}

/** WGSL: y_i += Σ_{j ≥ i} taps_{j−i}·x_j, the same triangle the other way in time. */
export function addTriangleAhead(y: string, taps: string, x: string): string {
  return `${y} += ${x}.w * ${taps}.wzyx;
      ${y} = vec4<f32>(${y}.xyz + ${x}.z * ${taps}.zyx, ${y}.w);
      ${y} = vec4<f32>(${y}.xy + ${x}.y * ${taps}.yx, ${y}.zw);
      ${y}.x += ${x}.x * ${taps}.x;`;
}

/** WGSL: y_i += Σ_j taps_{d+j−i}·x_j, x lying d ≥ 4 steps ahead. */
export function addSquareAhead(y: string, low: string, high: string, x: string): string {
  return `${y} += ${x}.x * vec4<f32>(${high}.x, ${low}.wzy);
      ${y} += ${x}.y * vec4<f32>(${high}.yx, ${low}.wz);
      ${y} += ${x}.z * vec4<f32>(${high}.zyx, ${low}.w);
      ${y} += ${x}.w * ${high}.wzyx;`;
}
