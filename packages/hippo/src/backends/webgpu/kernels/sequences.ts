// The choosers of all convolution and state-space operations.
import type { Chooser } from './chooser.ts';
import { diagonalSsmChoosers } from './diagonal-ssm.ts';

export const sequenceChoosers: Readonly<Record<string, Chooser>> = { ...diagonalSsmChoosers };
