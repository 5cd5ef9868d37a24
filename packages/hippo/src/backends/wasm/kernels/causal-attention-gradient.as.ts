// causalAttentionGradient, with p_ij = e^{scale·q_i·k_j − logSumExp_i} made again and D_i = dy_i·y_i:
//   ds_ij = scale·p_ij·(dy_i·v_j − D_i), dq_i = Σ_j ds_ij k_j, dk_j = Σ_i ds_ij q_i, dv_j = Σ_i p_ij dy_i
// (Dao et al., arXiv 2205.14135). Arguments: dy, q, k, v, y, logSumExp, dq, dk, dv, batch, length, width, scale, workspace, bytes
// a part, wide (256-bit vectors). Work: a head, all of it in one part, because dk and dv are sums over queries: tiles of 32 queries in order, each
// against its blocks of 32 keys. Splitting a head would take seven products instead of five and each exponential twice.
import { QUERIES, ROW, addOverKeys, addOverQueries, packPanels, products, visible } from './causal-attention-tile.as';
import { exponential } from './exp.as';
import { madd, real, sumLanes, word } from './simd.as';

const KEYS: i32 = 32;

/** Places in a part's workspace: p, ds, logSumExp and D of the tile's queries, then the packed queries and dy. */
const SLOPES: usize = 32 * 128;
const LOGARITHMS: usize = 2 * SLOPES;
const SUMS: usize = LOGARITHMS + 128;
const PACKED: usize = SUMS + 128;

function dot(a: usize, b: usize, count: i32): f32 {
  let sum4 = f32x4.splat(0);
  const end = a + ((<usize>count) << 2);
  while (a + 16 <= end) {
    sum4 = madd(v128.load(a), v128.load(b), sum4);
    a += 16;
    b += 16;
  }
  let sum = sumLanes(sum4);
  while (a < end) {
    sum += load<f32>(a) * load<f32>(b);
    a += 4;
    b += 4;
  }
  return sum;
}

/** Scores → p and dp → ds for eight queries and `count` keys that all of them see. */
function slopes(tile: usize, count: i32, queries: usize, scale: f32): void {
  const l0 = v128.load(queries + LOGARITHMS);
  const l1 = v128.load(queries + LOGARITHMS, 16);
  const d0 = v128.load(queries + SUMS);
  const d1 = v128.load(queries + SUMS, 16);
  const factor = f32x4.splat(scale);
  const end = tile + <usize>count * ROW;
  for (let at = tile; at < end; at += ROW) {
    const p0 = exponential(f32x4.sub(v128.load(at), l0));
    const p1 = exponential(f32x4.sub(v128.load(at, 16), l1));
    v128.store(at, p0);
    v128.store(at, p1, 16);
    v128.store(at, f32x4.mul(f32x4.mul(factor, p0), f32x4.sub(v128.load(at, SLOPES), d0)), SLOPES);
    v128.store(at, f32x4.mul(f32x4.mul(factor, p1), f32x4.sub(v128.load(at, SLOPES + 16), d1)), SLOPES + 16);
  }
}

/** p and ds of eight queries from `first` on: `count` keys from `block` on. */
function panelSlopes(
  k: usize, v: usize, block: i32, count: i32, first: i32, width: i32, scale: f32,
  packedQ: usize, packedDy: usize, tile: usize, queries: usize, wide: bool,
): void {
  products(k, count, width, packedQ, tile, wide);
  products(v, count, width, packedDy, tile + SLOPES, wide);
  slopes(tile, count, queries, scale);
  for (let key = max(0, first + 1 - block); key < count; key++) {
    const at = tile + <usize>key * ROW;
    const low = visible(block + key, first);
    const high = visible(block + key, first + 4);
    v128.store(at, v128.and(v128.load(at), low));
    v128.store(at, v128.and(v128.load(at, 16), high), 16);
    v128.store(at, v128.and(v128.load(at, SLOPES), low), SLOPES);
    v128.store(at, v128.and(v128.load(at, SLOPES + 16), high), SLOPES + 16);
  }
}

/** What queries `begin` to `begin` + `rows` add to the gradients of one head. */
function gradientTile(args: usize, at: usize, row: usize, begin: i32, rows: i32, space: usize): void {
  const length = <i32>word(args, 10);
  const width = <i32>word(args, 11);
  const scale = real(args, 12);
  const wide = word(args, 15) != 0;
  const bytes = (<usize>width) << 2;
  const here = at + <usize>begin * bytes;
  const dy = word(args, 0) + here;
  const q = word(args, 1) + here;
  const y = word(args, 4) + here;
  const dq = word(args, 6) + here;
  const logSumExp = word(args, 5) + row + ((<usize>begin) << 2);
  const packedQ = space + PACKED;
  const packedDy = packedQ + <usize>QUERIES * bytes;
  packPanels(q, rows, width, packedQ, scale);
  packPanels(dy, rows, width, packedDy, 1);
  for (let i: usize = 0; i < <usize>QUERIES; i++) {
    const from = min(i, <usize>rows - 1);
    store<f32>(space + LOGARITHMS + (i << 2), load<f32>(logSumExp + (from << 2)));
    store<f32>(space + SUMS + (i << 2), dot(dy + from * bytes, y + from * bytes, width));
  }
  for (let block = 0; block < begin + rows; block += KEYS) {
    const from = at + <usize>block * bytes;
    const k = word(args, 2) + from;
    const v = word(args, 3) + from;
    for (let r = 0; r < rows; r += 8) {
      const first = begin + r;
      const count = min(KEYS, min(first + 8, length) - block);
      const tile = space + ((<usize>r) << 2);
      const panel = <usize>r * bytes;
      panelSlopes(k, v, block, count, first, width, scale, packedQ + panel, packedDy + panel, tile, tile, wide);
      addOverKeys(min(4, rows - r), tile + SLOPES, k, min(count, first + 4 - block), dq + panel, width, wide);
      if (rows - r > 4)
        addOverKeys(min(4, rows - r - 4), tile + SLOPES + 16, k, count, dq + panel + (bytes << 2), width, wide);
    }
    const dk = word(args, 7) + from;
    const dv = word(args, 8) + from;
    const keys = min(KEYS, begin + rows - block);
    for (let key = 0; key < keys; key += 4) {
      const seen = max(0, block + key - begin); // the first query that sees one of these keys
      const tile = space + <usize>key * ROW + ((<usize>seen) << 2);
      const to = <usize>key * bytes;
      const skip = <usize>seen * bytes;
      addOverQueries(min(4, keys - key), tile, dy + skip, rows - seen, dv + to, width, wide);
      addOverQueries(min(4, keys - key), tile + SLOPES, q + skip, rows - seen, dk + to, width, wide);
    }
  }
}

export function causalAttentionGradient(args: usize, part: i32, parts: i32): void {
  const batch = <i32>word(args, 9);
  const length = <i32>word(args, 10);
  const bytes = (<usize>length * word(args, 11)) << 2;
  const space = <usize>word(args, 13) + <usize>part * word(args, 14);
  for (let head = part; head < batch; head += parts) {
    const at = <usize>head * bytes;
    for (let output = 6; output < 9; output++) memory.fill(word(args, output) + at, 0, bytes);
    const row = (<usize>head * length) << 2;
    for (let begin = 0; begin < length; begin += QUERIES) {
      gradientTile(args, at, row, begin, min(QUERIES, length - begin), space);
    }
  }
}
