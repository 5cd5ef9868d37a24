// The forms in which a product is measured: what the backend chooses, and the most promising others, with k in as many parts as give
// a large device one, two and three rounds of workgroups.
import {
  type DeviceTraits,
  type MatmulForm,
  type Product,
  type SubgroupMatrixForm,
  type TileForm,
  webGpuModule,
} from './internals.ts';

export interface Variant {
  readonly name: string;
  readonly form: MatmulForm;
  /** What the backend takes. */
  readonly chosen: boolean;
  readonly traits: DeviceTraits;
  /** Factors lie in memory as f16. */
  readonly stored: boolean;
  /** Largest error allowed, as in product-shapes.ts. */
  readonly tolerance: number;
}

const { chooseForm } = await webGpuModule('kernels/matmul-choose');
const { partLength, threadsOf, tileForm, workgroupBytesOf } = await webGpuModule('kernels/matmul-tile');
const { subgroupMatrixBytes, subgroupThreads } = await webGpuModule('kernels/matmul-subgroup-form');

type SubgroupSizes = Omit<SubgroupMatrixForm, 'matrix' | 'size'>;

const halves = (
  [tileM, tileN, tileK]: readonly [number, number, number],
  [subgroupsM, subgroupsN]: readonly [number, number],
  other: Partial<SubgroupSizes> = {},
): SubgroupSizes => ({
  ...{ tileM, tileN, tileK, subgroupsM, subgroupsN, staging: 'vec4<u32>', buffers: 1, prefetch: true },
  ...other,
});

const lazy = { prefetch: false } as const;

/** A form and its number of parts; those of a product that fills the device alone. */
const largeTiles: readonly (readonly [TileForm, number])[] = [
  [tileForm(128, 128, 8, 8), 1],
  [tileForm(128, 128, 8, 8, lazy), 1],
  [tileForm(128, 128, 8, 8, { ...lazy, unroll: 16 }), 1],
  [tileForm(128, 128, 8, 8, { ...lazy, tileK: 32 }), 1],
  [tileForm(128, 128, 8, 8, { ...lazy, across: 16 }), 1],
  [tileForm(128, 128, 16, 8, lazy), 1],
  [tileForm(128, 128, 16, 8), 1],
  [tileForm(256, 128, 16, 8), 1],
];

const largeHalves: readonly (readonly [SubgroupSizes, number])[] = [
  [halves([128, 128, 32], [2, 2]), 1],
  [halves([128, 128, 32], [2, 2], { staging: 'vec4<f16>' }), 1],
  [halves([128, 128, 32], [2, 2], { buffers: 2 }), 1],
  [halves([128, 128, 32], [2, 2], lazy), 1],
  [halves([128, 128, 64], [2, 2], lazy), 1],
  [halves([128, 128, 64], [2, 4]), 1],
  [halves([256, 128, 32], [4, 2]), 1],
  [halves([64, 128, 32], [1, 2], lazy), 1],
];

/** Of factors that are f16 in memory. */
const largeStored: readonly (readonly [SubgroupSizes, number])[] = [
  [halves([128, 128, 32], [2, 2]), 1],
  [halves([128, 128, 32], [2, 2], { buffers: 2 }), 1],
  [halves([128, 128, 64], [2, 2]), 1],
  [halves([128, 128, 64], [2, 2], lazy), 1],
  [halves([128, 128, 64], [2, 4]), 1],
  [halves([256, 128, 32], [4, 2]), 1],
  [halves([128, 256, 32], [2, 4]), 1],
  [halves([128, 64, 64], [2, 2]), 1],
];

const smallStored = (rounds: Rounds): readonly (readonly [SubgroupSizes, number])[] => [
  [halves([128, 128, 32], [2, 2]), rounds(1, 128, 128)],
  [halves([128, 128, 32], [2, 2]), rounds(2, 128, 128)],
  [halves([128, 128, 64], [2, 2]), rounds(1, 128, 128)],
  [halves([128, 128, 64], [2, 4]), rounds(1, 128, 128)],
  [halves([128, 128, 64], [2, 4]), rounds(2, 128, 128)],
  [halves([64, 128, 64], [2, 2]), rounds(1, 64, 128)],
  [halves([64, 128, 64], [2, 2]), rounds(2, 64, 128)],
  [halves([64, 128, 64], [2, 2]), rounds(3, 64, 128)],
  [halves([64, 64, 64], [2, 2]), rounds(3, 64, 64)],
  [halves([64, 64, 64], [2, 2]), rounds(5, 64, 64)],
  [halves([64, 64, 32], [2, 2]), rounds(6, 64, 64)],
];

/** Parts for a number of rounds of tiles. */
type Rounds = (rounds: number, tileM: number, tileN: number) => number;

const smallTiles = (rounds: Rounds): readonly (readonly [TileForm, number])[] => [
  [tileForm(128, 128, 8, 8, lazy), rounds(1, 128, 128)],
  [tileForm(128, 128, 8, 8, lazy), rounds(2, 128, 128)],
  [tileForm(128, 128, 8, 8, lazy), rounds(4, 128, 128)],
  [tileForm(128, 128, 16, 8), rounds(2, 128, 128)],
  [tileForm(64, 64, 8, 8), rounds(3, 64, 64)],
  [tileForm(64, 64, 8, 8), rounds(6, 64, 64)],
  [tileForm(64, 64, 8, 8, lazy), rounds(6, 64, 64)],
  [tileForm(128, 64, 8, 8, lazy), rounds(4, 128, 64)],
];

const smallHalves = (rounds: Rounds): readonly (readonly [SubgroupSizes, number])[] => [
  [halves([128, 128, 32], [2, 2]), rounds(1, 128, 128)],
  [halves([128, 128, 32], [2, 2]), rounds(2, 128, 128)],
  [halves([128, 128, 32], [2, 2], { staging: 'vec4<f16>' }), rounds(3, 128, 128)],
  [halves([128, 128, 64], [2, 4]), rounds(1, 128, 128)],
  [halves([64, 128, 32], [2, 2]), rounds(2, 64, 128)],
  [halves([64, 128, 64], [2, 2]), rounds(2, 64, 128)],
  [halves([64, 128, 32], [1, 2], lazy), rounds(4, 64, 128)],
  [halves([64, 64, 64], [2, 2]), rounds(3, 64, 64)],
  [halves([64, 64, 64], [2, 2]), rounds(6, 64, 64)],
  [halves([64, 64, 32], [2, 2]), rounds(6, 64, 64)],
];

const f32Tolerance = 1e-5;
/** Two roundings to f16 a product, 2⁻¹¹ each, and their sum over k. */
const f16Tolerance = 2e-3;

/** Multiprocessors of the device that the forms are for. */
const processors = 132;

/** All forms that the device can run, each once. */
export function variantsOf(product: Product, traits: DeviceTraits): readonly Variant[] {
  const f32 = { traits: { ...traits, precision: 'f32' }, stored: false, tolerance: f32Tolerance } as const;
  const chosen = chooseForm(product, f32.traits);
  if (chosen.kind === 'rows') return rowVariants(product, chosen, f32.traits);
  const { m, n, k, batch } = product;
  const count = (tileM: number, tileN: number): number => Math.ceil(m / tileM) * Math.ceil(n / tileN) * batch;
  const isLarge = count(128, 128) >= 2 * processors;
  const rounds: Rounds = (wanted, tileM, tileN) =>
    Math.max(1, Math.min(Math.floor((wanted * processors) / count(tileM, tileN)), Math.floor(k / 128)));
  const forms = [
    { ...f32, chosen, others: tileForms(isLarge ? largeTiles : smallTiles(rounds), product, traits) },
    ...halfForms(product, traits, isLarge ? largeHalves : smallHalves(rounds)),
    ...halfForms(storedHalves(product), traits, isLarge ? largeStored : smallStored(rounds)),
  ];
  return forms.flatMap(({ others, chosen: taken, ...rest }) => {
    const nameOf = (form: MatmulForm): string => `${nameOfForm(form)}${rest.stored ? ' stored' : ''}`;
    const named = new Map([taken, ...others].map((form) => [nameOf(form), form]));
    return [...named].map(([name, form]) => ({ name, form, chosen: name === nameOf(taken), ...rest }));
  });
}

function rowVariants(product: Product, form: MatmulForm, traits: DeviceTraits): readonly Variant[] {
  const alone = { ...traits, subgroups: undefined };
  const rest = { tolerance: f32Tolerance, chosen: false, stored: false } as const;
  return [
    { ...rest, name: `rows p${form.parts}`, form, traits, chosen: true },
    { ...rest, name: 'rows without subgroups', form: chooseForm(product, alone), traits: alone },
    ...[2, 4].map((parts): Variant => ({ ...rest, name: `rows p${parts}`, form: { ...form, parts }, traits })),
  ];
}

/** No part is empty. */
const isWhole = ({ k }: Product, parts: number, tileK: number): boolean =>
  (parts - 1) * partLength(k, parts, tileK) < k;

function tileForms(
  forms: readonly (readonly [TileForm, number])[],
  product: Product,
  traits: DeviceTraits,
): readonly MatmulForm[] {
  return forms
    .filter(([tile]) => workgroupBytesOf(tile) <= traits.maxWorkgroupBytes && threadsOf(tile) <= traits.maxThreads)
    .filter(([tile, parts]) => isWhole(product, parts, tile.tileK))
    .map(([tile, parts]) => ({ kind: 'tile', tile, parts, reason: '' }));
}

/** The forms in half precision; none where the device has no subgroup matrices. */
function halfForms(product: Product, traits: DeviceTraits, sizes: readonly (readonly [SubgroupSizes, number])[]) {
  const f16 = { ...traits, precision: 'f16' } as const;
  const chosen = chooseForm(product, f16);
  if (!chosen.subgroup) return [];
  const { matrix, size } = chosen.subgroup;
  const others = sizes
    .map(([one, parts]): [SubgroupMatrixForm, number] => [{ ...one, matrix, size }, parts])
    .filter(
      ([one]) => subgroupMatrixBytes(one) <= traits.maxWorkgroupBytes && subgroupThreads(one) <= traits.maxThreads,
    )
    .filter(([one, parts]) => isWhole(product, parts, one.tileK))
    .map(([subgroup, parts]): MatmulForm => ({ kind: 'subgroup matrices', subgroup, parts, reason: '' }));
  return [{ traits: f16, stored: product.a.halves === true, tolerance: f16Tolerance, chosen, others }];
}

/** The product of factors that lie as f16 in the inputs behind those of f32. */
export function storedHalves(product: Product): Product {
  const { a, b } = product;
  const at = (index: number) => ({ halves: true, memory: { space: 'input', index } }) as const;
  return { ...product, a: { ...a, bytes: a.bytes / 2, ...at(2) }, b: { ...b, bytes: b.bytes / 2, ...at(3) } };
}

function nameOfForm({ tile, subgroup, parts }: MatmulForm): string {
  const words = tile ? wordsOfTile(tile) : subgroup ? wordsOfSubgroup(subgroup) : ['rows'];
  return [...words, ...(parts > 1 ? [`p${parts}`] : [])].join(' ');
}

function wordsOfTile(tile: TileForm): readonly string[] {
  const { tileM, tileN, tileK, threadM, threadN, across, buffers, prefetch, unroll } = tile;
  return [
    `${tileM}×${tileN} k${tileK} ${threadM}×${threadN}`,
    ...(unroll === 8 ? [] : [`u${unroll}`]),
    ...(across === 8 ? [] : [`across${across}`]),
    ...(buffers === 1 ? [] : ['2buf']),
    ...(prefetch ? ['prefetch'] : []),
  ];
}

function wordsOfSubgroup(form: SubgroupMatrixForm): readonly string[] {
  const { tileM, tileN, tileK, subgroupsM, subgroupsN, staging, buffers, prefetch } = form;
  return [
    `f16 ${tileM}×${tileN} k${tileK} ${subgroupsM}×${subgroupsN}`,
    ...(staging === 'vec4<u32>' ? [] : ['vec4h']),
    ...(buffers === 1 ? [] : ['2buf']),
    ...(prefetch ? ['prefetch'] : []),
  ];
}
