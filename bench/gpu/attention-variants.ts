// The kernels of attention that are measured: the f32 ones, by which the others are checked, what the backend chooses in f16, and other
// forms of it.
import type { Ready } from './dispatch-timing.ts';
import {
  type AttentionNode,
  type DeviceTraits,
  type KernelChoice,
  type SubgroupAttentionForm,
  webGpuModule,
} from './internals.ts';

const { causalAttentionChoice } = await webGpuModule('kernels/causal-attention');
const { causalAttentionGradientChoice } = await webGpuModule('kernels/causal-attention-gradient');
const { gradientForms, subgroupGradientChoice } = await webGpuModule('kernels/causal-attention-gradient-subgroup');
const { subgroupAttentionChoice } = await webGpuModule('kernels/causal-attention-subgroup');

/** The operation of each kind, and the gradient's two dispatches. */
export const passes = ['forward', 'gradient', 'queries', 'keys'] as const;
export type Pass = (typeof passes)[number];

export interface Variant {
  readonly name: string;
  readonly kind: 'forward' | 'gradient';
  readonly choice: KernelChoice;
  /** What the backend takes. */
  readonly chosen: boolean;
  /** Largest error allowed, relative to the f32 kernel's largest number. */
  readonly tolerance: number;
  /** Those of all dispatches that belong to a pass. */
  readonly dispatchesOf: (all: readonly Ready[], pass: Pass) => readonly Ready[];
}

const form = (subgroups: number, rowsEach: number, columns: number): SubgroupAttentionForm => ({
  subgroups,
  rowsEach,
  columns,
});

/** Those that the device has no room for are left out. */
const forms: readonly SubgroupAttentionForm[] = [
  form(4, 16, 32),
  form(4, 16, 64),
  form(4, 16, 16),
  form(2, 16, 32),
  form(2, 16, 64),
  form(6, 16, 16),
  form(8, 16, 32),
  form(8, 16, 16),
  form(2, 32, 32),
  form(4, 32, 32),
  form(4, 32, 16),
];

/** Rows and columns of a tile, by how many subgroups. */
const nameOf = ({ subgroups, rowsEach, columns }: SubgroupAttentionForm): string =>
  `f16 ${subgroups * rowsEach}×${columns} by ${subgroups}`;

/** The passes of a kind that are measured; the dispatches of sequences in parts take turns. */
function dispatchesOf(own: readonly Pass[]): Variant['dispatchesOf'] {
  return (all, pass) => {
    if (!own.includes(pass)) return [];
    return pass === 'queries' || pass === 'keys' ? all.filter((_, i) => i % 2 === (pass === 'queries' ? 0 : 1)) : all;
  };
}

function variant(
  name: string,
  own: readonly [Pass, ...Pass[]],
  choice: KernelChoice | undefined,
  rest: Pick<Variant, 'chosen' | 'tolerance'>,
): readonly Variant[] {
  const kind = own[0] === 'forward' ? 'forward' : 'gradient';
  return choice ? [{ name, kind, choice, ...rest, dispatchesOf: dispatchesOf(own) }] : [];
}

/** The f32 kernels first. Other forms are those of one pass, beside the chosen ones of the others. */
export function attentionVariants(node: AttentionNode, traits: DeviceTraits, choices: boolean): readonly Variant[] {
  const f16: DeviceTraits = { ...traits, precision: 'f16' };
  const f32: DeviceTraits = { ...traits, precision: 'f32' };
  const whole = ['gradient', 'queries', 'keys'] as const;
  const exact = { chosen: true, tolerance: 0 };
  const taken = { chosen: true, tolerance: 5e-3 };
  const other = { chosen: false, tolerance: 5e-3 };
  return [
    ...variant('f32', ['forward'], causalAttentionChoice(node, f32), exact),
    ...variant('f32', whole, causalAttentionGradientChoice(node, f32), exact),
    ...variant('f16', ['forward'], subgroupAttentionChoice(node, f16), taken),
    ...variant('f16', whole, subgroupGradientChoice(node, f16), taken),
    ...(choices ? forms : []).flatMap((one) => [
      ...variant(nameOf(one), ['forward'], subgroupAttentionChoice(node, f16, [one]), other),
      ...(['queries', 'keys'] as const).flatMap((pass) =>
        variant(nameOf(one), [pass], subgroupGradientChoice(node, f16, { ...gradientForms, [pass]: [one] }), other),
      ),
    ]),
  ];
}
