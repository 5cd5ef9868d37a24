// Long causal convolution by the Fourier transform: 64 rows, against what a JavaScript program could use instead and against
// FFTW; and what its gradients cost.
import { type Contest, duration } from '../harness/contest.ts';
import { limitsFor, roofline } from '../harness/machine.ts';
import { type Facts, measureAll, type SuiteContext, type SuiteOutcome } from '../harness/suite.ts';
import { type ConvolutionSize, nominalOperations, rowCount } from '../peers/convolution.ts';
import { fftwConvolution } from '../peers/convolution-fftw.ts';
import { hippoConvolution, hippoConvolutionGradient } from '../peers/convolution-hippo.ts';
import { jaxConvolution } from '../peers/convolution-jax.ts';
import { type OpenedDevice, withDevices } from '../peers/devices.ts';
import { fftJsConvolution } from '../peers/fft-js.ts';
import { pffftConvolution } from '../peers/pffft.ts';

const sizes: readonly ConvolutionSize[] = [1024, 4096, 16384].map((length) => ({ channels: 8, batch: 8, length }));

/** Errors of a transform grow with the logarithm of its length. */
const TOLERANCE = 1e-6;

function contest(size: ConvolutionSize, devices: readonly OpenedDevice[], { limits }: SuiteContext): Contest {
  const operations = nominalOperations(size);
  const bytes = 4 * size.length * (2 * rowCount(size) + size.channels);
  return {
    name: `length ${size.length}`,
    unit: duration('µs a row', 1e6 / rowCount(size)),
    tolerance: TOLERANCE,
    limit: {
      name: 'the limit',
      of: (threads) => operations / rowCount(size) / roofline({ operations, bytes }, limitsFor(limits, threads)) / 1e3,
    },
    contestants: [
      ...devices.map((device) => hippoConvolution(size, device)),
      ...devices.map((device) => hippoConvolutionGradient(size, device)),
      ...[pffftConvolution(size), fftJsConvolution(size), jaxConvolution(size), fftwConvolution(size)],
    ],
  };
}

/** Gradients of rows and kernels / forward, with one thread. */
function backwardRatios({ figures = [] }: SuiteOutcome): Facts {
  const names = [...new Set(figures.map((figure) => figure.contest))];
  const entries = names.map((name) => {
    const time = (contestant: string): number =>
      figures.find((each) => each.contest === name && each.contestant === contestant && each.threads === 1)?.median ??
      Number.NaN;
    return [`backward / forward, ${name}`, Number((time('Hippo, gradients') / time('Hippo')).toFixed(2))] as const;
  });
  return Object.fromEntries(entries);
}

export function run(context: SuiteContext): Promise<SuiteOutcome> {
  return withDevices(context.threads, async (devices) => {
    const contests = sizes.map((size) => contest(size, devices, context));
    const outcome = await measureAll(contests, context);
    return context.threads.includes(1) ? { ...outcome, facts: backwardRatios(outcome) } : outcome;
  });
}
