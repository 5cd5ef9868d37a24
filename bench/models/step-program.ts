// A training step as a program that a benchmark can start beside others (harness/child.ts): answers "values i j …" with those of
// the numbers below after `checkedSteps` steps, and "run N" with the seconds of N more steps.
import { createInterface } from 'node:readline';

/** Loss and gradient norm of each of these steps are compared: numbers 2i and 2i + 1. */
export const checkedSteps = 3;
/** The most memory the process has held, in bytes. */
export const residentBytesPlace = 2 * checkedSteps;
/** Bytes that the program planned to use, where it plans. */
export const plannedBytesPlace = residentBytesPlace + 1;

export interface StepNumbers {
  readonly loss: number;
  readonly gradientNorm: number;
}

/** Serves requests until stdin ends. */
export async function serveSteps(
  version: string,
  { step, plannedBytes = 0 }: { readonly step: () => Promise<StepNumbers>; readonly plannedBytes?: number },
): Promise<void> {
  const taken: number[] = [];
  const values = async (places: readonly number[]): Promise<readonly number[]> => {
    while (taken.length < 2 * checkedSteps) {
      const { loss, gradientNorm } = await step();
      taken.push(loss, gradientNorm);
    }
    const all = [...taken, process.resourceUsage().maxRSS * 1024, plannedBytes];
    return places.map((place) => all[place] ?? Number.NaN);
  };
  const run = async (count: number): Promise<readonly number[]> => {
    const started = performance.now();
    for (let i = 0; i < count; i++) await step();
    return [(performance.now() - started) / 1000];
  };
  console.log(`ready ${version}`);
  for await (const line of createInterface({ input: process.stdin })) {
    const [kind, ...words] = line.split(' ');
    const answer = kind === 'values' ? values(words.map(Number)) : run(Number(words[0]));
    console.log((await answer).join(' '));
  }
}
