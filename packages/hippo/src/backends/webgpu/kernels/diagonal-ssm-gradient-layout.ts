// Sizes, places and names that the pieces of the diagonal model's gradient share (diagonal-ssm-gradient.ts).
import type { SsmSizes } from '../../../ops/diagonal-ssm.ts';
import type { DeviceTraits } from '../traits.ts';
import { mostShared, powerCount, type SsmTable, ssmTable } from './diagonal-ssm-table.ts';
import { alignRange } from './dispatch.ts';
import { type Tiles, tilesOf } from './sequence-tiles.ts';

/** Chosen by measurement, bench/gpu/h3-mixer.ts --choices; exported so that it can make others. */
export const parameters = {
  /** States whose sums are in workgroup memory at once, and segments of a tile that a state's walk is shared by. */
  block: 8,
  segments: 8,
  /** Workgroups that keep a large device busy. */
  enoughWorkgroups: 2048,
};
export const threads = 64;
export const chunk = powerCount;
export const vectors = chunk / 4;

export interface Layout {
  readonly sizes: SsmSizes;
  readonly table: SsmTable;
  readonly tiles: Tiles;
  /** States whose sums are in workgroup memory at once. */
  readonly block: number;
  readonly rowGroups: number;
  readonly parts: number;
  /**
   * More states than workgroup memory should hold: their gradients, and what walks from tile to tile, lie among the sums in the
   * workspace.
   */
  readonly many: boolean;
  /** Vectors among the sums of each part of a channel: states, lags, and with many states h on its way to the earlier tile. */
  readonly perPart: number;
  /** Bytes of a channel in each part of the workspace, which lie in this order. */
  readonly bytes: { readonly table: number; readonly given: number; readonly starts: number; readonly sums: number };
}

export function layoutOf(sizes: SsmSizes, { maxWorkgroupBytes }: DeviceTraits): Layout | undefined {
  const { channels, batch, states } = sizes;
  const tiles = tilesOf(sizes, { threads, chunk, halo: 0, mostBytes: maxWorkgroupBytes * 0.3 });
  const many = states > mostShared;
  const left = maxWorkgroupBytes - 32 * tiles.lineVectors - (many ? 0 : 24 * states) - 16 * vectors - 40 * threads;
  const block = Math.min(states, parameters.block, Math.floor(left / (32 * threads + 160)));
  if (block < 1) return undefined;
  const rowGroups = Math.ceil(batch / tiles.rows);
  const groupsEach = Math.max(1, Math.floor((rowGroups * channels) / parameters.enoughWorkgroups));
  const parts = Math.ceil(rowGroups / groupsEach);
  const table = ssmTable(states, chunk, 0);
  const perPart = states + vectors + (many ? states : 0);
  const bytes = {
    table: 16 * table.vectors,
    given: alignRange(16 * batch * states),
    starts: tiles.count > 1 ? alignRange(8 * batch * tiles.count * states) : 0,
    sums: alignRange(16 * parts * perPart),
  };
  return { sizes, table, tiles, block, rowGroups, parts, many, perPart, bytes };
}

/** Segments that a row's chunks in a tile are cut into for the walk, and the chunks of each. */
export function segmentsOf({ tiles, block }: Layout): { readonly count: number; readonly chunks: number } {
  const wanted = Math.max(1, Math.min(parameters.segments, Math.floor(threads / (block * tiles.rows))));
  const chunks = Math.ceil(tiles.chunks / wanted);
  return { count: Math.ceil(tiles.chunks / chunks), chunks };
}

/** What the pieces of the walk know of the row's last chunk. */
export interface End {
  /** Chunks of the row in its last tile, and steps of the last of them. */
  readonly chunks: number;
  readonly rest: number;
  /** WGSL: whether the tile is the last. */
  readonly isLast: string;
}

export function endOf({ sizes: { length }, tiles }: Layout): End {
  const chunksOfRow = Math.ceil(length / chunk);
  return {
    chunks: chunksOfRow - (tiles.count - 1) * tiles.chunks,
    rest: length - (chunksOfRow - 1) * chunk,
    isLast: tiles.count > 1 ? `tile == ${tiles.count - 1}u` : 'true',
  };
}

/** WGSL: the gradients of a state, (conj dlogλ, Σ x Σ λ^i dy_i), and h on its way from a tile to the one before, as a vec4. */
export const gradientAt = ({ many }: Layout, state: string): string =>
  many ? `sums[ownSums + ${state}]` : `gradients[${state}]`;
export const carryAt = ({ many, sizes: { states } }: Layout, state: string): string =>
  many ? `sums[ownSums + ${states + vectors}u + ${state}]` : `carry[${state}]`;
