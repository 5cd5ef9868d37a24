// Which form of the diagonal state-space model is cheapest, forward and backward: a model of nanoseconds a channel on one core, fitted
// to bench/results/state-space.json (bench/suites/state-space.ts measures the forms that are compared here). The fused H3 mixer adds
// the same to every form, so the same model chooses for it.
import type { SsmForm, SsmSizes } from '../../ops/diagonal-ssm.ts';
import type { DiagonalSsmForm, DiagonalSsmGradientForm } from './kernels/diagonal-ssm.ts';
import { fftSize } from './kernels/fft.ts';

/** A form and the sentence about it that `explain()` shows. */
export interface FormChoice<F extends string> {
  readonly form: F;
  readonly reason: string;
}

/** Nanoseconds a point: of a transform there and back, and of the table of twiddle factors, written once a call. */
const roundTrip = (size: number): number => 0.265 * Math.log2(2 * size);
const TABLE = 4;

/** Nanoseconds of one channel in each form; `hasState`: a state comes in. */
function forwardCosts(
  { channels, batch, length, states }: SsmSizes,
  hasState: boolean,
): Record<DiagonalSsmForm, number> {
  const steps = batch * length;
  const size = fftSize(length);
  // Up to eight steps the poles are computed in f32 (diagonal-ssm-scan.as.ts).
  const poles = length <= 8 ? 4 : 16;
  return {
    scan: 12 + poles * states + steps * (3.6 + 0.256 * states),
    chunked: 300 + 53 * states + steps * (0.8 + 0.21 * states),
    convolution:
      250 +
      41 * states +
      length * (0.2 + 0.14 * states) +
      size * ((0.5 + batch) * roundTrip(size) + TABLE / channels) +
      (hasState ? 0.14 * steps * states : 0),
  };
}

/** The gradient by transform has three transforms a row to the forward's two, and two more a channel. */
function gradientCosts({ channels, batch, length, states }: SsmSizes): Record<DiagonalSsmGradientForm, number> {
  const size = fftSize(length);
  return {
    chunked: 400 + 150 * states + batch * length * (2.5 + 0.68 * states),
    convolution:
      570 +
      57 * states +
      length * (0.6 + 0.4 * states) +
      size * ((1 + 1.5 * batch) * roundTrip(size) + TABLE / channels),
  };
}

/** Takes the cheapest, or the form that was asked for. */
function choose<F extends string>(
  costs: Readonly<Record<F, number>>,
  steps: number,
  asked: F | undefined,
): FormChoice<F> {
  const forms = Object.keys(costs) as F[]; // the keys of a record of F
  if (asked !== undefined) return { form: asked, reason: `${asked}: asked for` };
  const sorted = forms.sort((a, b) => costs[a] - costs[b]);
  const figures = sorted.map((form) => `${form} ${(costs[form] / steps).toFixed(1)}`);
  const [form = forms[0] as F] = sorted; // there is at least one form
  return { form, reason: `${figures.join(', ')} ns a step and channel by the cost model` };
}

/** The form of the forward operator; `auto` is the cheapest by the model. */
export function chooseForm(sizes: SsmSizes, asked: SsmForm, hasState: boolean): FormChoice<DiagonalSsmForm> {
  const costs = forwardCosts(sizes, hasState);
  return choose(costs, sizes.batch * sizes.length, asked === 'auto' ? undefined : asked);
}

/** The form of the gradient. The recurrence has none of its own, and the convolution none where states or their gradients pass. */
export function chooseGradientForm(
  sizes: SsmSizes,
  asked: SsmForm,
  hasStates: boolean,
): FormChoice<DiagonalSsmGradientForm> {
  if (hasStates) return { form: 'chunked', reason: 'chunked: the form whose gradient has states' };
  if (asked === 'scan') return { form: 'chunked', reason: 'chunked: the gradient of the scan' };
  return choose(gradientCosts(sizes), sizes.batch * sizes.length, asked === 'auto' ? undefined : asked);
}
