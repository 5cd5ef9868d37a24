// The command line of `npm run bench`.
import { parseArgs } from 'node:util';
import { nearest } from 'hippo';
import { BenchError } from './errors.ts';

export const usage = `npm run bench -- [NAME…] [--threads 1,2] [--rounds N] [--node PATH]
npm run bench -- list       the suites
npm run bench -- render     writes the tables of bench/README.md from bench/results/

  NAME         suites to run; all when none is named
  --threads    numbers of threads to measure with; default 1 and, where there is a second core, 2
  --rounds     samples of each contestant; default 11
  --node       run in another Node; its results are kept beside those of the default one, as NAME.node24.json
  --label      keep the results under NAME.LABEL.json
`;

export type Command =
  | { readonly kind: 'help' | 'list' | 'render' }
  | {
      readonly kind: 'run';
      readonly names: readonly string[];
      readonly threads: readonly number[];
      readonly rounds: number;
      readonly label: string | undefined;
      readonly node: string | undefined;
    };

const options = {
  help: { type: 'boolean', short: 'h' },
  threads: { type: 'string' },
  rounds: { type: 'string' },
  node: { type: 'string' },
  label: { type: 'string' },
} as const;

/** @throws BenchError `usage`, with the nearest suite for a name that there is not. */
export function parseCommand(
  argv: readonly string[],
  { suites, cores }: { readonly suites: readonly string[]; readonly cores: number },
): Command {
  const { values, positionals } = parse(argv);
  if (values.help) return { kind: 'help' };
  const [first] = positionals;
  if (positionals.length === 1 && (first === 'list' || first === 'render')) return { kind: first };
  for (const name of positionals) if (!suites.includes(name)) throw unknownSuite(name, suites);
  return {
    kind: 'run',
    names: positionals.length > 0 ? positionals : suites,
    threads: values.threads
      ? values.threads.split(',').map((text) => whole('--threads', text))
      : [1, 2].slice(0, cores),
    rounds: values.rounds ? whole('--rounds', values.rounds) : 11,
    label: values.label,
    node: values.node,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BenchError('usage', `bench: ${reason} \`npm run bench -- --help\` lists the options.`);
  }
}

function unknownSuite(name: string, suites: readonly string[]): BenchError {
  const guess = nearest(name, [...suites, 'list', 'render']);
  const advice = guess === undefined ? '' : ` Did you mean "${guess}"?`;
  return new BenchError('usage', `bench: there is no suite "${name}".${advice} \`npm run bench -- list\` lists them.`, {
    name,
    nearest: guess,
  });
}

function whole(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new BenchError('usage', `bench: ${option} takes whole numbers from 1; got "${text}".`);
  return value;
}
