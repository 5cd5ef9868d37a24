// From chunk to chunk: the pieces of the gradient's shader that walk over chunks, forwards for the state x, backwards for h
// (diagonal-ssm-gradient.ts). A thread has a state of a segment of a row's chunks.
import {
  carryAt,
  chunk,
  endOf,
  gradientAt,
  type Layout,
  segmentsOf,
  threads,
  vectors,
} from './diagonal-ssm-gradient-layout.ts';
import { stageRows, type Tiles } from './sequence-tiles.ts';

export const each = (count: number, text: (i: number) => string, separator = '\n      '): string =>
  Array.from({ length: count }, (_, i) => text(i)).join(separator);

export const stage = (tiles: Tiles, name: string): string => stageRows(tiles, false, name, `${name}Line`);

/** WGSL: the next block of states' powers and coefficients into workgroup memory. */
export const loadPowers = ({ table }: Layout): string => `workgroupBarrier();
      for (var i = thread; i < count * 8u; i += ${threads}u) { powers[i] = table[entries + base * 8u + i]; }
      for (var i = thread; i < count * 2u; i += ${threads}u) { coefficients[i] = table[entries + ${table.coefficients}u + base * 2u + i]; }
      workgroupBarrier();`;

/** The states at the starts of all tiles but the first. */
export function firstWalk(layout: Layout): string {
  const { sizes, tiles, block } = layout;
  const { states } = sizes;
  const segments = segmentsOf(layout);
  return `for (var tile = 0u; tile < ${tiles.count - 1}u; tile++) {
      workgroupBarrier();
      ${stage(tiles, 'u')}
      workgroupBarrier();
      ${each(vectors, (i) => `let u${i} = uLine[spread(own + ${i}u)];`, ' ')}
      for (var base = 0u; base < ${states}u; base += ${block}u) {
        let count = min(${block}u, ${states}u - base);
        ${loadPowers(layout)}
        for (var n = 0u; n < count; n++) {
          var x = vec2<f32>(0.0);
          ${each(vectors, (m) => `x += vec2<f32>(dot(powers[n * 8u + ${m}u].wzyx, u${vectors - 1 - m}), dot(powers[n * 8u + ${4 + m}u].wzyx, u${vectors - 1 - m}));`)}
          locals[thread * ${2 * block + 1}u + 2u * n] = vec4<f32>(x, 0.0, 0.0);
        }
        workgroupBarrier();
        // Each segment alone, then one thread a state from segment to segment.
        {
          let n = thread % count;
          let segment = thread / count;
          if (segment < ${segments.count}u) {
            let whole = coefficients[2u * n].zw;
            var x = vec2<f32>(0.0); var span = vec2<f32>(1.0, 0.0);
            for (var g = segment * ${segments.chunks}u; g < min(segment * ${segments.chunks}u + ${segments.chunks}u, ${tiles.chunks}u); g++) {
              x = times(whole, x) + locals[g * ${2 * block + 1}u + 2u * n].xy;
              span = times(whole, span);
            }
            ends[thread] = vec4<f32>(x, 0.0, 0.0);
            spans[thread] = span;
          }
        }
        workgroupBarrier();
        if (thread < count) {
          let at = firstGiven + base + thread;
          var x = vec2<f32>(given[at], given[at + ${states}u]);
          if (tile > 0u) { x = starts[firstStart + tile * ${states}u + base + thread]; }
          for (var s = 0u; s < ${segments.count}u; s++) { x = times(spans[s * count + thread], x) + ends[s * count + thread].xy; }
          starts[firstStart + (tile + 1u) * ${states}u + base + thread] = x;
        }
      }
    }
    storageBarrier();`;
}

/** WGSL: λ_n^m of the block. */
const powerAt = (m: string): string =>
  `vec2<f32>(powers[n * 8u + ${m} / 4u][${m} % 4u], powers[n * 8u + 4u + ${m} / 4u][${m} % 4u])`;

/**
 * From the sums of chunks to x at their starts, h at their ends and the gradients: a thread has a state of a segment of a row's chunks. With
 * more than one segment their own sums come first, from which each thread makes what enters its segment.
 */
export function walk(layout: Layout): string {
  const { sizes, tiles, block } = layout;
  const stride = 2 * block + 1;
  const segments = segmentsOf(layout);
  const carried = tiles.count > 1;
  const { chunks, isLast } = endOf(layout);
  const units = `count * rowCount * ${segments.count}u`;
  const place = `let n = unit % count;
        let segment = unit / count % ${segments.count}u;
        let r = unit / (count * ${segments.count}u);
        let c = coefficients[2u * n].xy;
        let whole = coefficients[2u * n].zw;
        let at = firstGiven + r * ${4 * sizes.states}u + base + n;
        let first = r * ${tiles.chunks * stride}u + 2u * n;
        let chunks = select(${tiles.chunks}u, ${chunks}u, ${isLast});
        let start = segment * ${segments.chunks}u;
        let end = min(start + ${segments.chunks}u, chunks);`;
  const entering = `x = vec2<f32>(given[at], given[at + ${sizes.states}u]);
        ${carried ? `if (tile > 0u) { x = starts[firstStart + tile * ${sizes.states}u + base + n]; }` : ''}
        h = vec2<f32>(given[at + ${2 * sizes.states}u], -given[at + ${3 * sizes.states}u]);
        ${carried ? `if (!(${isLast})) { h = ${carryAt(layout, 'base + n')}${layout.many ? '.xy' : ''}; }` : ''}`;
  if (segments.count === 1)
    return `for (var unit = thread; unit < ${units}; unit += ${threads}u) {
        ${place}
        var x: vec2<f32>; var h: vec2<f32>;
        ${entering}
        ${walkSegment(layout)}
      }`;
  // What enters the tile is read by all segments before the barrier and replaced by the first one after it.
  return `var x = vec2<f32>(0.0);
      var h = vec2<f32>(0.0);
      let unit = thread;
      {
        ${place}
        if (unit < ${units}) {
        ${entering}
        ${segmentSums(layout)}
        }
      }
      workgroupBarrier();
      if (unit < ${units}) {
        ${place}
        for (var other = unit - segment * count; other < unit; other += count) { x = times(spans[other], x) + ends[other].xy; }
        for (var after = (chunks + ${segments.chunks - 1}u) / ${segments.chunks}u; after > segment + 1u; after--) {
          let other = unit + (after - 1u - segment) * count;
          h = times(spans[other], h) + ends[other].zw;
        }
        ${walkSegment(layout)}
      }`;
}

/** A segment alone: x at its end, h at its start, and the power of λ across it. */
function segmentSums(layout: Layout): string {
  const { rest, chunks, isLast } = endOf(layout);
  const short = rest === chunk ? '' : `if (${isLast} && g + 1u == ${chunks}u) { across = ${powerAt(`${rest}u`)}; }`;
  return `var ownX = vec2<f32>(0.0); var ownH = vec2<f32>(0.0); var span = vec2<f32>(1.0, 0.0);
        for (var g = start; g < end; g++) {
          let local = locals[first + g * ${2 * layout.block + 1}u];
          var across = whole;
          ${short}
          ownX = times(whole, ownX) + local.xy;
          ownH += times(span, times(c, local.zw));
          span = times(across, span);
        }
        ends[unit] = vec4<f32>(ownX, ownH);
        spans[unit] = span;`;
}

/** A segment from what enters it: forwards for x, backwards for h and the gradients, which it leaves in its first chunk's place. */
function walkSegment(layout: Layout): string {
  const { sizes, tiles, block } = layout;
  const { rest, chunks, isLast } = endOf(layout);
  const stride = 2 * block + 1;
  const shortEnd =
    rest === chunk
      ? ''
      : `
              across = ${powerAt(`${rest}u`)};
              steps = ${rest}.0;
              later = vec2<f32>(0.0);
              for (var j = 0u; j < ${rest}u; j++) {
                let m = ${rest - 1}u - j;
                let u = uLine[spread(r * ${tiles.rowVectors}u + ${(chunks - 1) * vectors}u + j / 4u)][j % 4u];
                later += f32(m) * u * ${powerAt('m')};
              }`;
  return `for (var g = start; g < end; g++) {
            let local = locals[first + g * ${stride}u];
            locals[first + g * ${stride}u] = vec4<f32>(x, local.zw);
            x = times(whole, x) + local.xy;
          }
          var total = vec4<f32>(0.0);
          for (var before = end; before > start; before--) {
            let place = first + (before - 1u) * ${stride}u;
            let local = locals[place];
            let weighted = locals[place + 1u];
            var across = whole;
            var steps = ${chunk}.0;
            var later = weighted.xy;
            var passed = h;
            if (${isLast} && before == ${chunks}u) {
              // The row's last chunk ends after ${rest} steps; what its end adds to du comes from lastSteps.
              passed = vec2<f32>(0.0);${shortEnd}
            }
            total += vec4<f32>(times(times(c, local.xy), weighted.zw) + times(h, steps * times(across, local.xy) + later), times(local.xy, local.zw));
            h = times(across, h) + times(c, local.zw);
            locals[place] = vec4<f32>(local.xy, passed);
          }
          locals[first + start * ${stride}u + 1u] = total;
          if (start == 0u) {
            ${tiles.count > 1 ? `${carryAt(layout, 'base + n')} = ${layout.many ? 'vec4<f32>(h, 0.0, 0.0)' : 'h'};` : ''}
            ${tiles.count > 1 ? 'if (tile == 0u)' : ''} {
              given[at] = h.x;
              given[at + ${sizes.states}u] = -h.y;
            }
          }`;
}

/** WGSL: adds up the segments' gradients, one thread a state. */
export function addSegments(layout: Layout): string {
  const { tiles, block } = layout;
  const segments = segmentsOf(layout);
  const stride = 2 * block + 1;
  return `if (thread < count) {
        var total = ${gradientAt(layout, 'base + thread')};
        for (var r = 0u; r < rowCount; r++) {
          for (var s = 0u; s < ${segments.count}u; s++) { total += locals[r * ${tiles.chunks * stride}u + s * ${segments.chunks * stride}u + 2u * thread + 1u]; }
        }
        ${gradientAt(layout, 'base + thread')} = total;
      }`;
}

/** What the gradient of the end state adds to du in the row's last chunk: Σ_n Re(h λ^{rest−1−j}). */
export function lastSteps({ sizes, tiles }: Layout): string {
  const { states, length } = sizes;
  const chunksOfLast = Math.ceil(length / chunk) - (tiles.count - 1) * tiles.chunks;
  const rest = length - (Math.ceil(length / chunk) - 1) * chunk;
  const lastVectors = Math.ceil(rest / 4);
  const power = (part: number): string => `table[entries + n * 8u + ${4 * part}u + m / 4u][m % 4u]`;
  return `if (tile == ${tiles.count - 1}u) {
      // A thread has whole vectors: a write of one component may touch its neighbours.
      for (var i = thread; i < rowCount * ${lastVectors}u; i += ${threads}u) {
        let r = i / ${lastVectors}u;
        var sum = vec4<f32>(0.0);
        for (var j = i % ${lastVectors}u * 4u; j < min(i % ${lastVectors}u * 4u + 4u, ${rest}u); j++) {
          let m = ${rest - 1}u - j;
          for (var n = 0u; n < ${states}u; n++) {
            let at = firstGiven + r * ${4 * states}u + ${2 * states}u + n;
            sum[j % 4u] += ${power(0)} * given[at] + ${power(1)} * given[at + ${states}u];
          }
        }
        dyLine[spread(r * ${tiles.rowVectors}u + ${(chunksOfLast - 1) * vectors}u + i % ${lastVectors}u)] += sum;
      }
    }
    workgroupBarrier();`;
}
