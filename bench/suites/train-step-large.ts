// The training step of train-step.ts with GPT-2's vocabulary, where the output head is most of the work. A suite of its own, since a
// step of jax-js takes about a minute.
import type { SuiteContext, SuiteOutcome } from '../harness/suite.ts';
import { measureSteps } from './train-step.ts';

export const run = (context: SuiteContext): Promise<SuiteOutcome> => measureSteps(context, 50_264);
