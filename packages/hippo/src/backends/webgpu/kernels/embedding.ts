// gatherRows and scatterAddRows. Gathering moves each number twice. Scattering needs no atomic additions: a workgroup a position (and
// 1,024 columns) looks whether its id stands earlier, and if not, it adds up the rows of all positions with that id, in one fixed
// order, and adds the sum to the table. 16,384 ids of 768 columns: the rows once (48 MiB), the rows of the table that are named twice, and
// 16,384 scans of ids (64 KiB, which first-level caches hold); the table of zeros before it, 147 MiB for 50,264 rows, is most of the work.
// What lost on paper: sorting the ids (several passes, each a dispatch), a scan of all ids by each row of the table (50,264 scans).
import type { Node } from '../../../graph/value.ts';
import { gatherRowsOperation, scatterAddRowsOperation } from '../../../ops/embedding.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { copyDispatches, zeroDispatches } from './copy.ts';
import { type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import { type RowRange, rowRanges, threads, vectorType } from './rows.ts';
import { plus, workgroupReduction } from './workgroup-reduction.ts';

export const embeddingChoosers: Readonly<Record<string, Chooser>> = {
  [gatherRowsOperation.name]: (node, traits) => {
    const [rows = 0, width = 1] = node.inputs[0]?.shape ?? [];
    return gatherRowsChoice({ rows, width, count: countOf(node, 1) }, traits);
  },
  [scatterAddRowsOperation.name]: (node, traits) => {
    const [rows = 0, width = 1] = node.outputs[0]?.shape ?? [];
    return scatterAddRowsChoice({ rows, width, count: countOf(node, 0), base: node.inputs.length > 2 }, traits);
  },
};

interface Sizes {
  /** Of the table. */
  readonly rows: number;
  readonly width: number;
  /** Of ids. */
  readonly count: number;
}

type Limits = Pick<DeviceTraits, 'maxBindingBytes'>;

function countOf(node: Node, index: number): number {
  return elementCount(node.inputs[index]?.shape ?? []);
}

const vectorOf = (width: number): 1 | 4 => (width % 4 === 0 ? 4 : 1);

export function gatherRowsChoice({ rows, width, count }: Sizes, { maxBindingBytes }: Limits): KernelChoice {
  const vector = vectorOf(width);
  const units = width / vector;
  const type = vectorType({ vector });
  const tables = rowRanges(rows, width, maxBindingBytes);
  const dispatches = rowRanges(count, width, maxBindingBytes).flatMap((positions) =>
    tables.map((table, at): Dispatch => {
      const total = positions.rows * units;
      // Ids outside the table fall to its first part.
      const nowhere = at === 0 ? `if (id < 0 || id >= ${rows}) { y[i] = ${type}(nonFinite(0x7fc00000u)); }` : '';
      return {
        label: 'gatherRows',
        bindings: [
          reads('table', input(0, table.bytes), type),
          reads('ids', input(1), 'i32'),
          writes('y', output(0, positions.bytes), type),
        ],
        code: withMath(`@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${total}u) { return; }
  let id = ids[i / ${units}u + ${positions.from}u];
  if (id >= ${table.from} && id < ${table.from + table.rows}) {
    y[i] = table[u32(id - ${table.from}) * ${units}u + i % ${units}u];
  }
  ${nowhere}
}`),
        workgroups: gridOf(Math.ceil(total / threads)),
      };
    }),
  );
  return { dispatches: () => dispatches };
}

interface ScatterSizes extends Sizes {
  readonly base: boolean;
  /** Ids that a thread looks at in a round of the scan, each a bit of a word; a multiple of 4. */
  readonly bitsOfWord?: number;
}

export function scatterAddRowsChoice(
  { rows, width, count, base, bitsOfWord = 32 }: ScatterSizes,
  { maxBindingBytes }: Limits,
): KernelChoice {
  const vector = vectorOf(width);
  const type = vectorType({ vector });
  const blocks = Math.ceil(width / vector / threads);
  const all = { count: rows * width, maxBindingBytes };
  const first = base ? copyDispatches({ from: 2, to: 0 }, all) : zeroDispatches(0, all);
  const additions = rowRanges(rows, width, maxBindingBytes).flatMap((table) =>
    rowRanges(count, width, maxBindingBytes, 4).map(
      (positions): Dispatch => ({
        label: 'scatterAddRows',
        bindings: [
          reads('ids', input(0), 'vec4<i32>'),
          reads('values', input(1, positions.bytes), type),
          writes('y', output(0, table.bytes), type),
        ],
        code: scatterCode({ positions, table, blocks, units: width / vector, type, bitsOfWord }),
        workgroups: gridOf(positions.rows * blocks),
      }),
    ),
  );
  return { dispatches: () => [...first, ...additions] };
}

function scatterCode({
  positions,
  table,
  blocks,
  units,
  type,
  bitsOfWord,
}: {
  readonly positions: RowRange;
  readonly table: RowRange;
  readonly blocks: number;
  readonly units: number;
  readonly type: string;
  readonly bitsOfWord: number;
}): string {
  const count = positions.rows;
  const idsOfRound = bitsOfWord * threads;
  // A position's number in the round: 1024·j + 4·thread + lane is bit 4·j + lane of the thread's word.
  return `${workgroupReduction({ name: 'sumOfGroup', lanes: threads, rows: 1, type: 'u32', combine: plus })}
const lanes = vec4<u32>(0u, 1u, 2u, 3u);
var<workgroup> stop: u32;
var<workgroup> words: array<u32, ${threads}>;
var<workgroup> filled: array<atomic<u32>, ${threads / 32}>;
fn idsAt(place: u32) -> vec4<i32> { return ids[(place + ${positions.from}u) / 4u]; }
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  let position = min(number / ${blocks}u, ${count - 1}u);
  let column = number % ${blocks}u * ${threads}u + thread;
  let id = idsAt(position)[position % 4u];
  var earlier = 0u;
  for (var place = 4u * thread; place < position; place += ${4 * threads}u) {
    let same = (idsAt(place) == vec4<i32>(id)) & (vec4<u32>(place) + lanes < vec4<u32>(position));
    if (any(same)) { earlier = 1u; break; }
  }
  let found = sumOfGroup(thread, earlier);
  let elsewhere = id < ${table.from} || id >= ${table.from + table.rows} || number >= ${count * blocks}u;
  if (thread == 0u) { stop = select(found, 1u, elsewhere); }
  if (workgroupUniformLoad(&stop) != 0u) { return; }
  var sum = ${type}();
  for (var round = position / ${idsOfRound}u * ${idsOfRound}u; round < ${count}u; round += ${idsOfRound}u) {
    if (thread < ${threads / 32}u) { atomicStore(&filled[thread], 0u); }
    workgroupBarrier();
    var word = 0u;
    for (var j = 0u; j < ${bitsOfWord / 4}u; j++) {
      let place = round + j * ${4 * threads}u + 4u * thread;
      if (place >= ${count}u) { break; }
      let places = vec4<u32>(place) + lanes;
      let same = (idsAt(place) == vec4<i32>(id)) & (places >= vec4<u32>(position)) & (places < vec4<u32>(${count}u));
      let bits = select(vec4<u32>(), vec4<u32>(1u, 2u, 4u, 8u), same);
      word |= (bits.x | bits.y | bits.z | bits.w) << (4u * j);
    }
    words[thread] = word;
    if (word != 0u) { atomicOr(&filled[thread / 32u], 1u << (thread % 32u)); }
    workgroupBarrier();
    if (column < ${units}u) {
      for (var w = 0u; w < ${threads / 32}u; w++) {
        for (var left = atomicLoad(&filled[w]); left != 0u; left &= left - 1u) {
          let source = w * 32u + countTrailingZeros(left);
          for (var bits = words[source]; bits != 0u; bits &= bits - 1u) {
            let bit = countTrailingZeros(bits);
            let place = round + bit / 4u * ${4 * threads}u + 4u * source + bit % 4u;
            sum += values[place * ${units}u + column];
          }
        }
      }
    }
    workgroupBarrier();
  }
  if (column < ${units}u) { y[u32(id - ${table.from}) * ${units}u + column] += sum; }
}`;
}
