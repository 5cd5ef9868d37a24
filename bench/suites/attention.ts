// Causal attention of batch 4, 4 heads of 64 and 1,024 steps, and how near it comes to the rate of matrix products alone.
import { type Contest, rate } from '../harness/contest.ts';
import { limitsFor } from '../harness/machine.ts';
import { type Facts, measureAll, type SuiteContext, type SuiteOutcome } from '../harness/suite.ts';
import { type AttentionSize, type AttentionWork, attentionCheck, productOperations } from '../peers/attention.ts';
import { hippoAttention, hippoProductsOfAttention } from '../peers/attention-hippo.ts';
import { torchAttention } from '../peers/attention-torch.ts';
import { type OpenedDevice, withDevices } from '../peers/devices.ts';

const size: AttentionSize = { batch: 4, heads: 4, length: 1024, headDim: 64 };
const works: readonly AttentionWork[] = ['forward', 'forward and backward'];

/** Relative to the largest element of a result: sums of 1,024 weighted terms, and an exponential of f32. */
const TOLERANCE = 1e-5;

function contest(work: AttentionWork, devices: readonly OpenedDevice[], { threads, limits }: SuiteContext): Contest {
  const check = attentionCheck(size, work);
  return {
    name: work,
    unit: rate('GFLOP/s', productOperations(size, work), 1e9),
    tolerance: TOLERANCE,
    limit: { name: 'the limit', of: (count) => limitsFor(limits, count).gflops },
    contestants: [
      ...devices.map((device) => hippoAttention(size, work, check, device)),
      ...devices.map((device) => hippoProductsOfAttention(size, device)),
      ...threads.map((count) => torchAttention(size, work, check, count)),
    ],
  };
}

/** Attention's rate / the rate of its products alone, for each work and number of threads. */
function shares({ figures = [] }: SuiteOutcome): Facts {
  const entries = figures
    .filter(({ contestant }) => contestant === 'Hippo')
    .map(({ contest: work, threads, median }) => {
      const products = figures.find(
        (each) => each.contest === work && each.threads === threads && each.contestant !== 'Hippo',
      );
      const share = Math.round((100 * median) / (products?.median ?? Number.NaN));
      return [`share of the rate of matrix products, ${work}, threads ${threads}`, `${share} %`] as const;
    });
  return Object.fromEntries(entries);
}

export function run(context: SuiteContext): Promise<SuiteOutcome> {
  return withDevices(context.threads, async (devices) => {
    const contests = works.map((work) => contest(work, devices, context));
    const outcome = await measureAll(contests, context);
    return { ...outcome, facts: shares(outcome) };
  });
}
