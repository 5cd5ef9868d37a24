// A command's declaration, and the spellings that follow from it: `topP` is written --top-p or --top_p, and HIPPO_TOP_P in the
// environment. A table that contradicts itself is refused when the module loads, so that its own tests cannot miss it.
import type { OptionSpec, OptionTable, PositionalTable, Values } from './option-table.ts';

export interface Example {
  /** The command line, from `hippo` on. */
  readonly line: string;
  readonly help: string;
}

export interface CommandDefinition<
  Options extends OptionTable = OptionTable,
  Positionals extends PositionalTable = PositionalTable,
> {
  readonly name: string;
  /** One line for the list of commands, without a full stop. */
  readonly summary: string;
  /** More about it, shown by `--help` only. */
  readonly description?: string;
  readonly positionals: Positionals;
  readonly options: Options;
  readonly examples: readonly Example[];
}

/** The type of a command's parsed values: `ValuesOf<typeof command>`. */
export type ValuesOf<Command> =
  Command extends CommandDefinition<infer Options, infer Positionals> ? Values<Options, Positionals> : never;

/** How an option is named: its key in the table, and what a word on the command line means for it. */
export interface Spelling {
  readonly key: string;
  /** True for `--no-flag`. */
  readonly negated: boolean;
}

/** Long names every command takes besides its own. */
export const globalFlags = ['help', 'color', 'no-color', 'no_color'] as const;

/** The long flag of an option without dashes, in kebab case. */
export function flagOf(key: string, spec: OptionSpec): string {
  return spec.flag ?? kebabCase(key);
}

/** `top-p` from `topP`. */
export function kebabCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The environment variable that stands in for an option: `HIPPO_` and its flag in capitals. */
export function environmentNameOf(key: string, spec: OptionSpec): string {
  return `HIPPO_${flagOf(key, spec).replaceAll('-', '_').toUpperCase()}`;
}

/** Every long spelling of every option, kebab and snake, with aliases and `no-` forms. */
export function spellingsOf(options: OptionTable): ReadonlyMap<string, Spelling> {
  const spellings = new Map<string, Spelling>();
  const add = (name: string, spelling: Spelling): void => {
    for (const written of new Set([name, name.replaceAll('-', '_'), name.replaceAll('_', '-')])) {
      const taken = spellings.get(written)?.key ?? globalFlags.find((flag) => flag === written);
      if (taken !== undefined) throw new Error(`options: --${written} names both "${taken}" and "${spelling.key}".`);
      spellings.set(written, spelling);
    }
  };
  for (const [key, spec] of Object.entries(options)) {
    for (const name of [flagOf(key, spec), ...(spec.aliases ?? [])]) {
      add(name, { key, negated: false });
      if (spec.type === 'boolean') add(`no-${name}`, { key, negated: true });
    }
  }
  return spellings;
}

function checkDefinition({ name, options, positionals }: CommandDefinition): void {
  spellingsOf(options);
  const shorts = new Set(['h']);
  for (const [key, { short }] of Object.entries(options)) {
    if (key in positionals) throw new Error(`${name}: "${key}" is both an option and a positional.`);
    if (short === undefined) continue;
    if (shorts.has(short) || short.length !== 1) throw new Error(`${name}: -${short} is taken or not one letter.`);
    shorts.add(short);
  }
  const specs = Object.values(positionals);
  for (const [i, spec] of specs.entries()) {
    if (spec.many && i < specs.length - 1) throw new Error(`${name}: only the last positional may take many.`);
    if (spec.required && i > 0 && !specs[i - 1]?.required)
      throw new Error(`${name}: a required positional cannot follow an optional one.`);
  }
}

/**
 * Declares a command. The table's literal types are kept, so that `ValuesOf<typeof command>` knows every value: an option
 * without `default` or `required` may be undefined, a boolean never is.
 * @throws Error when two options share a spelling, or the positionals cannot be told apart: a defect of the table.
 */
export function defineCommand<const Options extends OptionTable, const Positionals extends PositionalTable>(
  definition: CommandDefinition<Options, Positionals>,
): CommandDefinition<Options, Positionals> {
  checkDefinition(definition);
  return definition;
}
