// The command line's front door: the table of commands. Each row is a lazy import, type-checked against its own options.
import { type CommandEntries, commandEntry, dispatch } from './dispatch.ts';
import { runMain } from './exit/run-main.ts';

const entries: CommandEntries = {
  train: commandEntry(() => import('./commands/train.ts')),
  generate: commandEntry(() => import('./commands/generate.ts')),
  perplexity: commandEntry(() => import('./commands/perplexity.ts')),
  logits: commandEntry(() => import('./commands/logits.ts')),
  'tokenizer train': commandEntry(() => import('./commands/tokenizer-train.ts')),
  'tokenizer encode': commandEntry(() => import('./commands/tokenizer-encode.ts')),
  'tokenizer decode': commandEntry(() => import('./commands/tokenizer-decode.ts')),
  pull: commandEntry(() => import('./commands/pull.ts')),
  convert: commandEntry(() => import('./commands/convert.ts')),
  quantize: commandEntry(() => import('./commands/quantize.ts')),
  info: commandEntry(() => import('./commands/info.ts')),
  doctor: commandEntry(() => import('./commands/doctor.ts')),
  synthetic: commandEntry(() => import('./commands/synthetic.ts')),
  remember: commandEntry(() => import('./commands/remember.ts')),
  'first-light': commandEntry(() => import('./commands/first-light.ts')),
};

/** Runs the process's own command line. */
export function start(): Promise<void> {
  return runMain(dispatch(entries));
}
