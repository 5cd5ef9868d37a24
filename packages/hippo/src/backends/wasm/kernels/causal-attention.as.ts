// causalAttention: y_i = Σ_{j≤i} p_ij v_j, p_ij = e^{scale·q_i·k_j − logSumExp_i}, without a length × length buffer: each tile of
// 32 queries walks over blocks of 64 keys and rescales its sums when a larger score turns up (Milakov and Gimelshein,
// arXiv 1805.02867; Dao et al., arXiv 2205.14135). Arguments: q, k, v, y, logSumExp (or 0), batch, length, width, scale,
// workspace, bytes a part, wide (256-bit vectors). Work: a tile of queries of one head; the blocks of K and V are read from the first-level cache
// by four panels of queries in turn. Above the diagonal only what shares a group of eight queries is computed.
import { QUERIES, ROW, addOverKeys, packPanels, products, visible } from './causal-attention-tile.as';
import { exponential, logarithm } from './exp.as';
import { madd, real, word } from './simd.as';

const KEYS: i32 = 64;

/** Places in a part's workspace: scores, then largest scores, sums and factors of the queries, then the packed queries. */
const LARGEST: usize = 64 * 128;
const SUMS: usize = LARGEST + 128;
const FACTORS: usize = SUMS + 128;
const PACKED: usize = FACTORS + 32;

/**
 * Turns the scores of eight queries and `count` keys into e^{score − largest}, brings `largest` and `sums` up to date and
 * leaves at `factors` what earlier sums must be multiplied by. True when a factor is not 1.
 */
function exponentials(tile: usize, count: i32, largest: usize, sums: usize, factors: usize): bool {
  const before0 = v128.load(largest);
  const before1 = v128.load(largest, 16);
  let m0 = before0;
  let m1 = before1;
  const end = tile + <usize>count * ROW;
  for (let at = tile; at < end; at += ROW) {
    m0 = f32x4.max(m0, v128.load(at));
    m1 = f32x4.max(m1, v128.load(at, 16));
  }
  let total0 = f32x4.splat(0);
  let total1 = total0;
  for (let at = tile; at < end; at += ROW) {
    const e0 = exponential(f32x4.sub(v128.load(at), m0));
    const e1 = exponential(f32x4.sub(v128.load(at, 16), m1));
    v128.store(at, e0);
    v128.store(at, e1, 16);
    total0 = f32x4.add(total0, e0);
    total1 = f32x4.add(total1, e1);
  }
  const f0 = exponential(f32x4.sub(before0, m0));
  const f1 = exponential(f32x4.sub(before1, m1));
  v128.store(largest, m0);
  v128.store(largest, m1, 16);
  v128.store(sums, madd(v128.load(sums), f0, total0));
  v128.store(sums, madd(v128.load(sums, 16), f1, total1), 16);
  v128.store(factors, f0);
  v128.store(factors, f1, 16);
  const one = f32x4.splat(1);
  return v128.any_true(v128.or(f32x4.ne(f0, one), f32x4.ne(f1, one)));
}

/** Row i of x [rows, width] times factors[i]. */
function scaleRows(x: usize, rows: i32, width: i32, factors: usize): void {
  for (let i = 0; i < rows; i++) {
    const end = x + ((<usize>width) << 2);
    const factor = load<f32>(factors);
    const factor4 = f32x4.splat(factor);
    while (x + 16 <= end) {
      v128.store(x, f32x4.mul(v128.load(x), factor4));
      x += 16;
    }
    while (x < end) {
      store<f32>(x, load<f32>(x) * factor);
      x += 4;
    }
    factors += 4;
  }
}

/** Eight queries from `first` on (`rows` of them real) against keys `block` to `block` + `count`. */
function attendPanel(
  k: usize, v: usize, y: usize, block: i32, count: i32, first: i32, rows: i32, width: i32,
  panel: usize, tile: usize, largest: usize, sums: usize, factors: usize, wide: bool,
): void {
  products(k, count, width, panel, tile, wide);
  const never = f32x4.splat(-Infinity);
  for (let key = max(0, first + 1 - block); key < count; key++) {
    const at = tile + <usize>key * ROW;
    v128.store(at, v128.bitselect(v128.load(at), never, visible(block + key, first)));
    v128.store(at, v128.bitselect(v128.load(at, 16), never, visible(block + key, first + 4)), 16);
  }
  if (exponentials(tile, count, largest, sums, factors)) scaleRows(y, rows, width, factors);
  addOverKeys(min(4, rows), tile, v, min(count, first + 4 - block), y, width, wide);
  if (rows > 4) addOverKeys(rows - 4, tile + 16, v, count, y + ((<usize>width) << 4), width, wide);
}

/** Divides the sums by their weights' sum, and gives ln Σ e^score. */
function finish(y: usize, logSumExp: usize, rows: i32, width: i32, largest: usize, sums: usize): void {
  for (let i = 0; i < rows; i++) {
    const at = (<usize>i) << 2;
    const sum = load<f32>(sums + at);
    if (logSumExp) {
      const log = f64x2.extract_lane(logarithm(f64x2.splat(<f64>sum)), 0);
      store<f32>(logSumExp + at, <f32>(<f64>load<f32>(largest + at) + log));
    }
    store<f32>(sums + at, <f32>1 / sum);
  }
  scaleRows(y, rows, width, sums);
}

/** Queries `begin` to `begin` + `rows` of one head. */
function attendTile(
  q: usize, k: usize, v: usize, y: usize, logSumExp: usize, length: i32, width: i32, scale: f32,
  begin: i32, rows: i32, space: usize, wide: bool,
): void {
  const bytes = (<usize>width) << 2;
  const out = y + <usize>begin * bytes;
  packPanels(q + <usize>begin * bytes, rows, width, space + PACKED, scale);
  memory.fill(out, 0, <usize>rows * bytes);
  memory.fill(space + SUMS, 0, 128);
  for (let i: usize = 0; i < 128; i += 16) v128.store(space + LARGEST + i, f32x4.splat(-Infinity));
  for (let block = 0; block < begin + rows; block += KEYS) {
    const at = <usize>block * bytes;
    for (let row = 0; row < rows; row += 8) {
      const first = begin + row;
      const count = min(KEYS, min(first + 8, length) - block);
      if (count <= 0) continue;
      const word = (<usize>row) << 2;
      attendPanel(
        k + at, v + at, out + <usize>row * bytes, block, count, first, min(8, rows - row), width,
        space + PACKED + <usize>row * bytes, space + word, space + LARGEST + word, space + SUMS + word, space + FACTORS,
        wide,
      );
    }
  }
  const at = (<usize>begin) << 2;
  finish(out, logSumExp ? logSumExp + at : 0, rows, width, space + LARGEST, space + SUMS);
}

export function causalAttention(args: usize, part: i32, parts: i32): void {
  const batch = <i32>word(args, 5);
  const length = <i32>word(args, 6);
  const width = <i32>word(args, 7);
  const space = <usize>word(args, 9) + <usize>part * word(args, 10);
  const logSumExp = <usize>word(args, 4);
  const tiles = (length + QUERIES - 1) / QUERIES;
  for (let head = 0; head < batch; head++) {
    const at = (<usize>head * length * width) << 2;
    const row = (<usize>head * length) << 2;
    for (let tile = 0; tile < tiles; tile++) {
      if ((tile + head) % parts != part) continue; // turned from head to head: later tiles take longer
      const begin = tile * QUERIES;
      attendTile(
        word(args, 0) + at, word(args, 1) + at, word(args, 2) + at, word(args, 3) + at, logSumExp ? logSumExp + row : 0,
        length, width, real(args, 8), begin, min(QUERIES, length - begin), space,
        word(args, 11) != 0,
      );
    }
  }
}
