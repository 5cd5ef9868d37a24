// The options of `hippo synthetic` that change what is learned, from what, and by what: those that --vary can take through several
// values. None has a default in the table, so that a value given beside --vary or --reproduce is seen; choose-tasks.ts fills in the paper's.
import { h3Withouts } from 'hippo';
import type { OptionTable } from '../arguments/option-table.ts';

export const experimentOptions = {
  length: { type: 'integer', min: 1, help: 'tokens before the last trigger', defaultText: '30 and 20' },
  vocabulary: { type: 'integer', min: 4, help: 'words, two of them special', defaultText: '20 and 10' },
  keyWords: { type: 'integer', min: 1, help: 'associative recall: words of a key', defaultText: '1' },
  examples: { type: 'integer', min: 1, help: 'training examples', defaultText: '5000' },
  headDim: { type: 'integer', min: 1, help: 'h3 and hybrid: head dimension, a divisor of 32', defaultText: '1' },
  without: {
    type: 'choice',
    choices: h3Withouts,
    help: 'h3 and hybrid: leave the shift or the diagonal SSM out',
    defaultText: 'none',
  },
  learningRate: { type: 'number', above: 0, aliases: ['lr'], help: 'highest learning rate', defaultText: '0.0005' },
  initializerRange: {
    type: 'number',
    above: 0,
    help: 'standard deviation of the initial weights',
    defaultText: '0.02',
  },
} as const satisfies OptionTable;
