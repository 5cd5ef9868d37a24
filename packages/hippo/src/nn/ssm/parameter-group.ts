// How the optimiser treats the parameters that set an SSM's time scales: log_dt, A, B and the shift SSM's B (paper.md 1.4).
import type { OptimizerGroup } from '../../graph/variable.ts';

/** No weight decay, learning rate at most 1e-3. C and D are ordinary parameters. */
export const ssmGroup: OptimizerGroup = { decay: false, maxLearningRate: 1e-3 };
