// The forms that products may take, with their speeds, and a model of the time by which one is preferred. Rates were measured at 4096³
// on an H100 without bounds checks, but for those marked ≈; workgroups at once and times of a step are estimates.
//
// A multiprocessor takes w = ⌈workgroups/processors⌉ workgroups, `resident` at once. It is bound by what all of them compute, or, with
// few of them, by the time that one needs for a step, during which nothing hides that it waits for memory and for its barriers:
// time = max(w·steps·(operations of a step)/rate, ⌈w/resident⌉·steps·step). Cutting k makes workgroups, and costs a second dispatch
// that reads what the first left (matmul-parts.ts). Counting the writing of tiles too came nearer to single products and chose worse forms in
// whole training steps: 128 ms for 16,384 tokens in place of 118.
import type { DeviceTraits, SubgroupMatrix } from '../traits.ts';
import { partsBytes } from './matmul-parts.ts';
import type { Product } from './matmul-product.ts';
import { type SubgroupMatrixForm, subgroupMatrixBytes, subgroupThreads } from './matmul-subgroup-form.ts';
import { partLength, type TileForm, threadsOf, tileForm, workgroupBytesOf } from './matmul-tile.ts';

interface Speed {
  /** TFLOP/s of a large product. */
  readonly rate: number;
  /** Workgroups that a multiprocessor holds. */
  readonly resident: number;
  /** Nanoseconds of a step of a workgroup that is alone. */
  readonly step: number;
}

interface SubgroupTile {
  /** Tile, numbers along k, subgroups along m and n. */
  readonly sizes: readonly [tileM: number, tileN: number, tileK: number, subgroupsM: number, subgroupsN: number];
  /** Where it is not 'vec4<u32>', one buffer, with prefetch. */
  readonly other?: Partial<Pick<SubgroupMatrixForm, 'staging' | 'buffers' | 'prefetch'>>;
}

/** Of sums and factors in f32. */
const tiles: readonly (Speed & { readonly form: TileForm })[] = [
  { form: tileForm(128, 128, 16, 8), rate: 42, resident: 2, step: 1800 }, // 8 × 8 sums a thread: 39 and less
  { form: tileForm(128, 128, 8, 8, { prefetch: false }), rate: 39, resident: 2, step: 1700 },
  { form: tileForm(128, 64, 8, 8, { prefetch: false }), rate: 30, resident: 4, step: 1300 }, // ≈
  { form: tileForm(64, 64, 8, 8), rate: 32, resident: 6, step: 1100 },
  { form: tileForm(64, 64, 8, 4, { unroll: 4 }), rate: 29, resident: 6, step: 900 },
  { form: tileForm(32, 64, 4, 4, { unroll: 4 }), rate: 18, resident: 8, step: 800 }, // ≈
  { form: tileForm(64, 32, 4, 4, { unroll: 4 }), rate: 18, resident: 8, step: 800 }, // ≈
  { form: tileForm(32, 32, 4, 4, { unroll: 4 }), rate: 16, resident: 16, step: 700 }, // ≈
];

/** Of factors in f16, by subgroup matrices. */
const subgroupTiles: readonly (Speed & SubgroupTile)[] = [
  { sizes: [128, 128, 32, 2, 2], other: { staging: 'vec4<f16>' }, rate: 204, resident: 2, step: 1000 },
  { sizes: [256, 128, 32, 4, 2], rate: 192, resident: 1, step: 1400 }, // 205, and 185 with B transposed
  { sizes: [128, 128, 64, 2, 4], rate: 178, resident: 1, step: 1500 },
  { sizes: [64, 128, 32, 1, 2], rate: 137, resident: 4, step: 800 },
  { sizes: [64, 128, 64, 2, 2], rate: 155, resident: 2, step: 1250 }, // ≈
  { sizes: [64, 128, 32, 2, 2], rate: 145, resident: 4, step: 850 },
  { sizes: [128, 64, 32, 2, 2], rate: 145, resident: 4, step: 850 }, // ≈
  { sizes: [64, 64, 64, 2, 2], rate: 115, resident: 4, step: 1100 }, // ≈
  { sizes: [64, 64, 32, 2, 2], rate: 113, resident: 6, step: 750 },
  { sizes: [32, 64, 32, 1, 2], rate: 80, resident: 12, step: 700 }, // ≈
];

/** Of factors that are f16 in memory. */
const storedTiles: readonly (Speed & SubgroupTile)[] = [
  { sizes: [128, 256, 32, 2, 4], rate: 275, resident: 1, step: 800 }, // 280, and 251 with B transposed
  { sizes: [256, 128, 32, 4, 2], rate: 262, resident: 1, step: 850 },
  { sizes: [128, 128, 32, 2, 2], rate: 258, resident: 2, step: 640 },
  { sizes: [128, 128, 64, 2, 4], rate: 236, resident: 3, step: 1000 },
  { sizes: [128, 128, 64, 2, 2], other: { prefetch: false }, rate: 240, resident: 3, step: 1400 },
  { sizes: [64, 128, 64, 2, 2], rate: 165, resident: 2, step: 1450 }, // ≈
  { sizes: [64, 64, 64, 2, 2], rate: 140, resident: 4, step: 1150 }, // ≈
  { sizes: [64, 64, 32, 2, 2], rate: 125, resident: 6, step: 700 }, // ≈
  { sizes: [32, 64, 32, 1, 2], rate: 80, resident: 12, step: 650 }, // ≈
];

/** Multiprocessors (WebGPU does not tell), bytes a nanosecond of parts of sums, and nanoseconds of a dispatch. */
const device = { processors: 132, bytes: 2000, dispatch: 4000 } as const;

/** Parts into which k may be cut, and the least numbers along k of one. */
const cuts = [1, 2, 3, 4, 5, 6, 8, 12, 16] as const;
const leastPart = 128;

/** A form with the parts of k. */
export interface Preferred<Form> {
  readonly form: Form;
  readonly parts: number;
}

type Sizes = { readonly [size in 'tileM' | 'tileN' | 'tileK']: number };

function nanosecondsOf({ m, n, k, batch, ...rest }: Product, form: Sizes, speed: Speed, parts: number): number {
  const { tileM, tileN, tileK } = form;
  const workgroups = Math.ceil(m / tileM) * Math.ceil(n / tileN) * batch * parts;
  const each = Math.ceil(workgroups / device.processors);
  const steps = Math.ceil(partLength(k, parts, tileK) / tileK);
  const computing = (each * 2 * tileM * tileN * tileK * device.processors) / (speed.rate * 1e3);
  const waiting = Math.ceil(each / speed.resident) * speed.step;
  const bytes = partsBytes({ m, n, k, batch, ...rest }, parts);
  const adding = parts > 1 ? device.dispatch + (2 * bytes) / device.bytes : 0;
  return steps * Math.max(computing, waiting) + adding;
}

function fastest<Form extends Sizes>(
  product: Product,
  traits: DeviceTraits,
  forms: readonly (Speed & { readonly form: Form })[],
): Preferred<Form> | undefined {
  const { k } = product;
  let best: (Preferred<Form> & { readonly nanoseconds: number }) | undefined;
  for (const { form, ...speed } of forms) {
    for (const parts of cuts) {
      const empty = (parts - 1) * partLength(k, parts, form.tileK) >= k;
      if (parts > 1 && (empty || k / parts < leastPart || partsBytes(product, parts) > traits.maxBindingBytes))
        continue;
      const nanoseconds = nanosecondsOf(product, form, speed, parts);
      if (!best || nanoseconds < best.nanoseconds) best = { form, parts, nanoseconds };
    }
  }
  return best;
}

/** @returns the tile and the parts of k that the model of the time prefers. */
export function preferredTile(product: Product, traits: DeviceTraits): Preferred<TileForm> {
  const fitting = tiles.filter(
    ({ form }) => workgroupBytesOf(form) <= traits.maxWorkgroupBytes && threadsOf(form) <= traits.maxThreads,
  );
  const best = fastest(product, traits, fitting);
  if (!best) throw new Error('matmul: no tile fits the least that a WebGPU device has');
  return best;
}

/** The largest size of matrices that the kernels can use; undefined: not asked for, or not offered. */
export function usableMatrix({
  f16,
  subgroups,
  precision,
  subgroupMatrices,
}: DeviceTraits): SubgroupMatrix | undefined {
  if (precision !== 'f16' || !f16 || !subgroups || subgroups.min !== subgroups.max) return undefined;
  const matrices = subgroupMatrices.filter(
    ({ component, result, m, n, k }) =>
      component === 'f16' && result === 'f32' && [m, n].every((size) => 32 % size === 0) && 32 % k === 0 && n % 4 === 0,
  );
  return [...matrices].sort((x, y) => y.m * y.n * y.k - x.m * x.n * x.k)[0];
}

/** Whether products with many rows and columns round their factors to f16. */
export const roundsFactors = (traits: DeviceTraits): boolean => usableMatrix(traits) !== undefined;

/** @returns the form by subgroup matrices and the parts of k; undefined: not asked for, or not offered in a usable size. */
export function preferredSubgroupMatrix(
  product: Product,
  traits: DeviceTraits,
): Preferred<SubgroupMatrixForm> | undefined {
  const matrix = usableMatrix(traits);
  if (!matrix || !traits.subgroups) return undefined;
  const size = traits.subgroups.max;
  const { a, b } = product;
  const forms = (a.halves && b.halves ? storedTiles : subgroupTiles)
    .map(({ sizes: [tileM, tileN, tileK, subgroupsM, subgroupsN], other, ...speed }) => {
      const sizes = { tileM, tileN, tileK, subgroupsM, subgroupsN } as const;
      const form: SubgroupMatrixForm = {
        ...sizes,
        matrix,
        size,
        staging: 'vec4<u32>',
        buffers: 1,
        prefetch: true,
        ...other,
        // Halves go from memory to workgroup memory as they lie.
        ...((a.halves || b.halves) && { staging: 'vec4<u32>' }),
      };
      return { ...speed, form };
    })
    .filter(
      ({ form }) => subgroupMatrixBytes(form) <= traits.maxWorkgroupBytes && subgroupThreads(form) <= traits.maxThreads,
    );
  return fastest(product, traits, forms);
}
