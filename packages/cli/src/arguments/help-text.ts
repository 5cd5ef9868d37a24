// The text of `hippo COMMAND --help` and `hippo --help`, from the tables alone, so that it cannot fall behind them.
import type { Colors } from 'picocolors/types.js';
import { alignTable } from '../report/table.ts';
import { type CommandDefinition, environmentNameOf, flagOf } from './command.ts';
import type { OptionSpec } from './option-table.ts';
import { numericRule } from './option-value.ts';

function placeholder(spec: OptionSpec): string {
  switch (spec.type) {
    case 'boolean':
      return '';
    case 'choice':
      return ` ${spec.choices.join('|')}`;
    case 'string':
    case 'strings':
      return ` <${spec.placeholder ?? 'text'}>`;
    case 'integers':
      return ' <n,n,…>';
    default:
      return ' <n>';
  }
}

/** `0.9`, `5,17,3`, or what the command says about a default of its own; nothing for a plain false. */
function defaultNote(spec: OptionSpec): string {
  if (spec.defaultText !== undefined) return `default: ${spec.defaultText}`;
  if (spec.required) return 'required';
  if (spec.default === undefined || spec.default === false) return '';
  return `default: ${spec.default === true ? 'on' : spec.default === '' ? '""' : String(spec.default)}`;
}

function ruleNote(spec: OptionSpec): string {
  if (spec.type !== 'number' && spec.type !== 'integer' && spec.type !== 'integers') return '';
  const bounded =
    spec.min !== undefined || spec.max !== undefined || (spec.type === 'number' && spec.above !== undefined);
  return bounded ? numericRule(spec) : '';
}

function optionRow(key: string, spec: OptionSpec): readonly [string, string] {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  const negatable = spec.type === 'boolean' && spec.default === true ? '[no-]' : '';
  const repeatable = spec.type === 'strings' ? 'may be repeated' : '';
  const notes = [ruleNote(spec), repeatable, defaultNote(spec)].filter((note) => note !== '');
  return [
    `  ${short}--${negatable}${flagOf(key, spec)}${placeholder(spec)}`,
    spec.help + (notes.length > 0 ? ` (${notes.join('; ')})` : ''),
  ];
}

function usageLine({ name, positionals }: CommandDefinition): string {
  const words = Object.entries(positionals).map(([word, { required, many }]) => {
    const shown = many ? `${word}…` : word;
    return required ? `<${shown}>` : `[${shown}]`;
  });
  return ['hippo', name, ...words, '[options]'].join(' ');
}

/** Help for one command: usage, arguments, options with rules and defaults, environment, examples. Ends with a newline. */
export function commandHelp(command: CommandDefinition, colors: Colors): string {
  const options = Object.entries(command.options).map(([key, spec]) => optionRow(key, spec));
  const rows = [...options, ['  -h, --help', 'show this text'], ['      --no-color', 'plain text (also NO_COLOR=1)']];
  const positionals = Object.entries(command.positionals).map(([name, { help }]) => [`  ${name}`, help]);
  const parts = [`${command.summary}.`];
  if (command.description !== undefined) parts.push(command.description);
  parts.push(`${colors.bold('Usage')}  ${usageLine(command)}`);
  if (positionals.length > 0) parts.push(`${colors.bold('Arguments')}\n${alignTable(positionals)}`);
  parts.push(`${colors.bold('Options')}\n${alignTable(rows)}`);
  const [first] = Object.entries(command.options);
  if (first) {
    const [key, spec] = first;
    const name = environmentNameOf(key, spec);
    parts.push(`Every option has a twin in the environment (--${flagOf(key, spec)}: ${name}); the flag wins.`);
  }
  if (command.examples.length > 0) {
    const lines = command.examples.map(({ line, help }) => `  ${colors.dim(`# ${help}`)}\n  ${line}`);
    parts.push(`${colors.bold('Examples')}\n${lines.join('\n')}`);
  }
  return `${parts.join('\n\n')}\n`;
}

/** The list of commands for `hippo --help`. Ends with a newline. */
export function globalHelp(commands: readonly CommandDefinition[], colors: Colors): string {
  const parts = [
    'Trains, runs and inspects state-space language models.',
    `${colors.bold('Usage')}  hippo <command> [options]`,
    `${colors.bold('Commands')}\n${alignTable(commands.map(({ name, summary }) => [`  ${name}`, summary]))}`,
    `${colors.bold('Options')}\n${alignTable([
      ['  -h, --help', 'show this text, or with a command its options'],
      ['  -V, --version', 'show the version'],
      ['      --no-color', 'plain text (also NO_COLOR=1)'],
    ])}`,
    'Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\nHIPPO_DEBUG=1 adds stack traces to errors.',
  ];
  return `${parts.join('\n\n')}\n`;
}
