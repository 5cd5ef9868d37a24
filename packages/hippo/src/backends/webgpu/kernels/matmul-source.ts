// How a kernel reads four neighbouring numbers of a factor: as they lie, checked against the ends only where sizes need it, made
// from halves, or from a quantised matrix's words (quantized-words.ts).
import type { Binding } from './dispatch.ts';
import { type BoundMatrix, bindMatrix, extentA, extentB, type Product, sumText, timesText } from './matmul-product.ts';

/** A factor's storage, rows of columns. */
export interface Source {
  readonly bindings: readonly Binding[];
  /** True: rows run along m or n and columns along k. False: the other way round. */
  readonly alongK: boolean;
  /** Elements of an access. */
  readonly lanes: 1 | 4 | 8;
  /**
   * WGSL function `name(batch, row, quad)`: the numbers at columns 4·quad … 4·quad + 3 of a row. What lies beyond k is 0, what lies
   * beyond the other end is any number of the matrix.
   */
  text(name: string, checks: Checks): string;
  /** Where numbers are halves, WGSL function `name(batch, row, octet)`: those at columns 8·octet … 8·octet + 7, as they lie. */
  octets?(name: string, checks: Checks): string;
}

/** Whether rows or columns beyond the matrix are asked for. */
export interface Checks {
  readonly rows: boolean;
  readonly columns: boolean;
}

export function sourceA(product: Product, maxBindingBytes: number): Source {
  const { a, batch, shared, transposeA } = product;
  const extent = extentA(product);
  const options = { access: 'read', extent, maxBindingBytes, batches: batch, vectors: !shared } as const;
  return matrixSource(bindMatrix('matrixA', a, options), extent, !transposeA);
}

export function sourceB(product: Product, maxBindingBytes: number): Source {
  const { b, batch, shared, transposeB } = product;
  const extent = extentB(product);
  const options = { access: 'read', extent, maxBindingBytes, batches: batch, vectors: !shared } as const;
  return matrixSource(bindMatrix('matrixB', b, options), extent, transposeB);
}

function matrixSource(bound: BoundMatrix, [rows, columns]: readonly [number, number], alongK: boolean): Source {
  const { lanes } = bound;
  if (lanes === 8) return halvesSource(bound, [rows, columns], alongK);
  return {
    bindings: [bound.binding],
    alongK,
    lanes,
    text: (name, checks) => {
      const head = `fn ${name}(batch: u32, row: u32, quad: u32) -> vec4<f32> {`;
      const start = startText(bound, rows, checks);
      const { name: matrix } = bound.binding;
      const lines =
        lanes === 4 ? vectorLines(matrix, start, columns, checks) : scalarLines(matrix, start, columns, checks);
      const inside = insideText({ alongK, rows, columns, checks, lanes });
      const value = inside === undefined ? 'value' : `select(vec4<f32>(), value, ${inside})`;
      return [head, ...lines, `  return ${value};`, '}'].join('\n');
    },
  };
}

/** WGSL: the access at which a row begins. */
function startText({ first, batch, lead, lanes }: BoundMatrix, rows: number, checks: Checks): string {
  const row = checks.rows ? `min(row, ${rows - 1}u)` : 'row';
  return sumText(first / lanes, timesText('batch', batch / lanes), timesText(row, lead / lanes));
}

/** Eight numbers at a time; a row has a multiple of eight. */
function halvesSource(bound: BoundMatrix, [rows, columns]: readonly [number, number], alongK: boolean): Source {
  const octetsText = (name: string, checks: Checks): string => {
    const octet = checks.columns ? `min(octet, ${columns / 8 - 1}u)` : 'octet';
    const inside = alongK ? checks.columns && `octet < ${columns / 8}u` : checks.rows && `row < ${rows}u`;
    const value = `${bound.binding.name}[${startText(bound, rows, checks)} + ${octet}]`;
    return `fn ${name}(batch: u32, row: u32, octet: u32) -> vec4<u32> {
  return ${inside ? `select(vec4<u32>(), ${value}, ${inside})` : value};
}`;
  };
  return {
    bindings: [bound.binding],
    alongK,
    lanes: 8,
    octets: octetsText,
    text: (name, checks) => `${octetsText(`${name}Octet`, checks)}
fn ${name}(batch: u32, row: u32, quad: u32) -> vec4<f32> {
  let octet = ${name}Octet(batch, row, quad / 2u);
  let words = select(octet.xy, octet.zw, quad % 2u == 1u);
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}`,
  };
}

function vectorLines(matrix: string, start: string, columns: number, checks: Checks): readonly string[] {
  const quad = checks.columns ? `min(quad, ${columns / 4 - 1}u)` : 'quad';
  return [`  let value = ${matrix}[${start} + ${quad}];`];
}

function scalarLines(matrix: string, start: string, columns: number, checks: Checks): readonly string[] {
  const parts = [0, 1, 2, 3].map((lane) => {
    const column = lane === 0 ? 'column' : `column + ${lane}u`;
    return `${matrix}[start + ${checks.columns || columns % 4 !== 0 ? `min(${column}, ${columns - 1}u)` : column}]`;
  });
  return [`  let start = ${start};`, '  let column = quad * 4u;', `  let value = vec4<f32>(${parts.join(', ')});`];
}

/** WGSL: whether each number lies before the end along k; undefined: all do. */
function insideText({
  alongK,
  rows,
  columns,
  checks,
  lanes,
}: {
  readonly alongK: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly checks: Checks;
  readonly lanes: 1 | 4;
}): string | undefined {
  if (!alongK) return checks.rows ? `row < ${rows}u` : undefined;
  if (!checks.columns && columns % 4 === 0) return undefined;
  if (lanes === 4) return `quad < ${columns / 4}u`;
  return `vec4<u32>(column, column + 1u, column + 2u, column + 3u) < vec4<u32>(${columns}u)`;
}
