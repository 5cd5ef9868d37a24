// Which form of the diagonal state-space model is cheapest, forward and backward: a model of nanoseconds a channel on one core, fitted
// to bench/results/diagonal-ssm.json (bench/diagonal-ssm.ts measures the forms that are compared here). The fused H3 mixer adds
// the same to every form, so the same model chooses for it.
import type { SsmForm, SsmSizes } from '../../ops/diagonal-ssm.ts';
import type { DiagonalSsmForm, DiagonalSsmGradientForm } from './kernels/diagonal-ssm.ts';
import { fftSize } from './kernels/fft.ts';

/** A form and the sentence about it that `explain()` shows. */
export interface FormChoice<F extends string> {
  readonly form: F;
  readonly reason: string;
}

/** Nanoseconds of one transform there and back, a point: its passes, and more where two spectra and two rows leave the cache. */
const transforms = (size: number): number => 0.28 * Math.log2(2 * size) + (size > 16384 ? 1.5 : 0);

/** Nanoseconds of one channel in each form; `ends`: a state comes in, `startsFrom`, or goes out. */
function forwardCosts({ batch, length, states }: SsmSizes, hasState: boolean): Record<DiagonalSsmForm, number> {
  const steps = batch * length;
  const size = fftSize(length);
  return {
    scan: 12 * states + steps * (2 + 0.32 * states),
    chunked: 300 + 80 * states + steps * (0.9 + 0.21 * states),
    convolution:
      0.25 * length * states +
      80 * states +
      (0.5 + batch) * size * transforms(size) +
      (hasState ? 0.27 * steps * states : 0),
  };
}

function gradientCosts({ batch, length, states }: SsmSizes): Record<DiagonalSsmGradientForm, number> {
  const steps = batch * length;
  const size = fftSize(length);
  return {
    chunked: 200 * states + steps * (4 + 0.6 * states),
    convolution: 100 * states + 0.5 * length * states + (1 + 1.6 * batch) * size * transforms(size),
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
