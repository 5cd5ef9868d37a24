// From a table of commands to a main function: finds the command, parses its words, runs it; answers `--help` and `--version`,
// and refuses what is not in the table. A command's module, and all that it imports, is loaded only when it is asked for.
import { readFile } from 'node:fs/promises';
import { nearest, UsageError } from 'hippo';
import type { CommandDefinition } from './arguments/command.ts';
import { commandHelp, globalHelp } from './arguments/help-text.ts';
import type { OptionTable, PositionalTable, Values } from './arguments/option-table.ts';
import { parseArguments } from './arguments/parse-arguments.ts';
import { exitCodes } from './exit/exit-code.ts';
import type { Main } from './exit/run-main.ts';
import type { CommandIo } from './terminal/io.ts';

/** What a file in commands/ exports. `run` returns an exit code other than 0, or nothing. */
export interface CommandModule<Options extends OptionTable, Positionals extends PositionalTable> {
  readonly command: CommandDefinition<Options, Positionals>;
  // biome-ignore lint/suspicious/noConfusingVoidType: a command that ends well has nothing to return.
  readonly run: (options: Values<Options, Positionals>, io: CommandIo) => Promise<number | void>;
}

/** A row of the table: a command whose option types were checked against its own `run`, and are forgotten here. */
export interface CommandEntry {
  readonly definition: () => Promise<CommandDefinition>;
  readonly run: Main;
}
/** By name: one word, or two of which the first is shared by a group (`tokenizer train`). */
export type CommandEntries = Readonly<Record<string, CommandEntry>>;

/** Wraps a lazy import as a row of the table. */
export function commandEntry<Options extends OptionTable, Positionals extends PositionalTable>(
  load: () => Promise<CommandModule<Options, Positionals>>,
): CommandEntry {
  return {
    definition: async () => (await load()).command,
    run: async (argv, io) => {
      const { command, run } = await load();
      const parsed = parseArguments(command, argv, io.environment);
      if (parsed.kind === 'run') return (await run(parsed.values, io)) ?? exitCodes.done;
      io.out.write(commandHelp(command, io.out.colors));
      return exitCodes.done;
    },
  };
}

async function readVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
  throw new Error('hippo: package.json has no version.');
}

function unknownCommand(name: string, commands: CommandEntries): UsageError {
  const groups = Object.keys(commands).flatMap((key) => key.split(' ').slice(0, -1));
  const guess = nearest(name.replaceAll('_', '-'), [...Object.keys(commands), ...groups]);
  const advice = guess === undefined ? '' : ` Did you mean \`hippo ${guess}\`?`;
  const what = name.startsWith('-') ? `option ${name} before the command` : `command "${name}"`;
  return new UsageError('unknown-command', `there is no ${what}.${advice} \`hippo --help\` lists the commands.`, {
    command: name,
    nearest: guess,
  });
}

const colorFlags = new Set(['--color', '--no-color', '--no_color']);

const isHelp = (word: string | undefined): boolean => word === '--help' || word === '-h';

/** Lists the commands: on stdout when that was asked for, else on stderr as a hint. */
async function showCommands(commands: CommandEntries, io: CommandIo, asked: boolean): Promise<number> {
  const definitions = await Promise.all(Object.values(commands).map((entry) => entry.definition()));
  const output = asked ? io.out : io.err;
  output.write(globalHelp(definitions, output.colors));
  return asked ? exitCodes.done : exitCodes.usage;
}

/** A main function over a table of commands. */
export function dispatch(commands: CommandEntries): Main {
  return async (argv, io) => {
    // Colours were chosen when the outputs were opened; here the flag only has to be stepped over.
    const first = argv.findIndex((word) => !colorFlags.has(word));
    const [name, ...words] = first < 0 ? [] : argv.slice(first);
    if (name === '--version' || name === '-V') {
      io.out.line(await readVersion());
      return exitCodes.done;
    }
    if (name === undefined || isHelp(name)) return showCommands(commands, io, name !== undefined);
    const alone = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (alone) return alone.run(words, io);
    const group = Object.entries(commands).filter(([key]) => key.startsWith(`${name} `));
    const [second, ...rest] = words;
    if (group.length > 0 && (second === undefined || isHelp(second)))
      return showCommands(Object.fromEntries(group), io, second !== undefined);
    const full = group.length > 0 ? `${name} ${second}` : name;
    const entry = group.find(([key]) => key === full)?.[1];
    if (!entry) throw unknownCommand(full, commands);
    return entry.run(rest, io);
  };
}
