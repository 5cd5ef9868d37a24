// The forms in which a product is measured: what the backend chooses, and others by parameters.
import {
  type DeviceTraits,
  type MatmulForm,
  type Product,
  type SubgroupMatrixForm,
  webGpuModule,
} from './internals.ts';

export interface Variant {
  readonly name: string;
  readonly form: MatmulForm;
  readonly traits: DeviceTraits;
  /** Largest error allowed, as in product-shapes.ts. */
  readonly tolerance: number;
}

const { chooseForm } = await webGpuModule('kernels/matmul-choose');
const { threadsOf, tileForm, workgroupBytesOf } = await webGpuModule('kernels/matmul-tile');
const { subgroupMatrixBytes, subgroupThreads } = await webGpuModule('kernels/matmul-subgroup-matrix');

const tiles = {
  '128×128 k16 unroll8': tileForm(128, 128, 8, 8),
  '128×128 k16 unroll16': tileForm(128, 128, 8, 8, { unroll: 16 }),
  '128×128 k16 loop': tileForm(128, 128, 8, 8, { unroll: 1 }),
  '128×128 k16 no prefetch': tileForm(128, 128, 8, 8, { prefetch: false }),
  '128×128 k16 across16': tileForm(128, 128, 8, 8, { across: 16 }),
  '128×128 k8 unroll8': tileForm(128, 128, 8, 8, { tileK: 8 }),
  '128×128 k8 two buffers': tileForm(128, 128, 8, 8, { tileK: 8, buffers: 2 }),
  '128×128 k16 two buffers': tileForm(128, 128, 8, 8, { buffers: 2 }),
  '128×128 k32': tileForm(128, 128, 8, 8, { tileK: 32 }),
  '256×128 k16 512 threads': tileForm(256, 128, 8, 8),
  '256×128 k8 16×8 a thread': tileForm(256, 128, 16, 8, { tileK: 8 }),
  '128×64 k16': tileForm(128, 64, 8, 8),
  '64×64 k16': tileForm(64, 64, 8, 4),
  '64×64 k16 8×8 a thread': tileForm(64, 64, 8, 8),
} as const;

/** Sizes, subgroups along m and n, and how factors are staged. */
const subgroupSizes: readonly Omit<SubgroupMatrixForm, 'matrix' | 'size'>[] = [
  { tileM: 128, tileN: 128, tileK: 32, subgroupsM: 2, subgroupsN: 4, staging: 'vec4<u32>', buffers: 1 },
  { tileM: 128, tileN: 128, tileK: 32, subgroupsM: 2, subgroupsN: 4, staging: 'vec4<f16>', buffers: 1 },
  { tileM: 128, tileN: 128, tileK: 32, subgroupsM: 2, subgroupsN: 4, staging: 'f16', buffers: 1 },
  { tileM: 128, tileN: 128, tileK: 32, subgroupsM: 2, subgroupsN: 4, staging: 'vec4<u32>', buffers: 2 },
  { tileM: 128, tileN: 128, tileK: 32, subgroupsM: 2, subgroupsN: 2, staging: 'vec4<u32>', buffers: 1 },
  { tileM: 128, tileN: 128, tileK: 64, subgroupsM: 2, subgroupsN: 4, staging: 'vec4<u32>', buffers: 1 },
  { tileM: 128, tileN: 128, tileK: 16, subgroupsM: 2, subgroupsN: 4, staging: 'vec4<u32>', buffers: 2 },
  { tileM: 256, tileN: 128, tileK: 32, subgroupsM: 4, subgroupsN: 2, staging: 'vec4<u32>', buffers: 1 },
  { tileM: 256, tileN: 128, tileK: 32, subgroupsM: 4, subgroupsN: 4, staging: 'vec4<u32>', buffers: 1 },
  { tileM: 64, tileN: 128, tileK: 32, subgroupsM: 2, subgroupsN: 2, staging: 'vec4<u32>', buffers: 1 },
  { tileM: 64, tileN: 64, tileK: 32, subgroupsM: 2, subgroupsN: 2, staging: 'vec4<u32>', buffers: 1 },
];

const f32Tolerance = 1e-5;
/** Two roundings to f16 a product, 2⁻¹¹ each, and their sum over k. */
const f16Tolerance = 2e-3;

/** All forms that the device can run. */
export function variantsOf(product: Product, traits: DeviceTraits): readonly Variant[] {
  const f32 = { ...traits, precision: 'f32' } as const;
  const f16 = { ...traits, precision: 'f16' } as const;
  const chosen: Variant = {
    name: 'chosen',
    form: chooseForm(product, f32),
    traits: f32,
    tolerance: f32Tolerance,
  };
  if (chosen.form.kind === 'rows') return [chosen, ...rowVariants(product, f32)];
  const forTiles = Object.entries(tiles).flatMap(([name, tile]): Variant[] =>
    workgroupBytesOf(tile) > traits.maxWorkgroupBytes || threadsOf(tile) > traits.maxThreads
      ? []
      : [{ name, form: { kind: 'tile', tile, parts: 1, reason: '' }, traits: f32, tolerance: f32Tolerance }],
  );
  const half = chooseForm(product, f16);
  return [chosen, ...forTiles, ...(half.subgroup ? subgroupVariants(half, half.subgroup, f16) : [])];
}

function rowVariants(product: Product, traits: DeviceTraits): readonly Variant[] {
  const alone = { ...traits, subgroups: undefined };
  const form = chooseForm(product, alone);
  const others = [2, 4].map(
    (parts): Variant => ({ name: `${parts} parts`, form: { ...form, parts }, traits, tolerance: f32Tolerance }),
  );
  return [{ name: 'without subgroups', form, traits: alone, tolerance: f32Tolerance }, ...others];
}

function subgroupVariants(form: MatmulForm, chosen: SubgroupMatrixForm, traits: DeviceTraits): readonly Variant[] {
  const { matrix, size } = chosen;
  const others = subgroupSizes
    .map((sizes) => ({ ...sizes, matrix, size }))
    .filter((one) => subgroupMatrixBytes(one) <= traits.maxWorkgroupBytes && subgroupThreads(one) <= traits.maxThreads)
    .map((subgroup): Variant => {
      const { tileM, tileN, tileK, subgroupsM, subgroupsN, staging, buffers } = subgroup;
      const name = `f16 ${tileM}×${tileN} k${tileK} ${subgroupsM}×${subgroupsN} ${staging}${buffers === 2 ? ' two buffers' : ''}`;
      return { name, form: { ...form, subgroup }, traits, tolerance: f16Tolerance };
    });
  return [{ name: 'f16 chosen', form, traits, tolerance: f16Tolerance }, ...others];
}
