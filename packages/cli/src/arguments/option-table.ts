// The vocabulary of a command's options: one row per option, from which the parser, the help text, the environment names and
// the static types of the parsed values all follow. Nothing here reads an argument; see parse-arguments.ts.

interface OptionBase {
  /** The long flag without its dashes, when it is not the key in kebab case (`topP` → `top-p`). */
  readonly flag?: string;
  /** Other long names for the same option, without dashes. */
  readonly aliases?: readonly string[];
  /** One letter, for `-n 5`. */
  readonly short?: string;
  /** What the option does: half a line, without a full stop. */
  readonly help: string;
  /** Refuse to run without it. */
  readonly required?: boolean;
  /** What the help names as default when the command works it out itself, as in "from the checkpoint". */
  readonly defaultText?: string;
}

interface Bounds {
  /** Smallest value allowed. */
  readonly min?: number;
  /** Largest value allowed. */
  readonly max?: number;
}

export interface StringOption extends OptionBase {
  readonly type: 'string';
  readonly default?: string;
  /** The word for the value in the help text. Default: `text`. */
  readonly placeholder?: string;
}

export interface NumberOption extends OptionBase, Bounds {
  readonly type: 'number';
  readonly default?: number;
  /** The value must be greater than this. */
  readonly above?: number;
}

export interface IntegerOption extends OptionBase, Bounds {
  readonly type: 'integer';
  readonly default?: number;
}

/** `--flag` and `--no-flag`; false unless said otherwise. */
export interface BooleanOption extends OptionBase {
  readonly type: 'boolean';
  readonly default?: boolean;
}

/** A text that may be given more than once: all are kept, in their order. */
export interface StringsOption extends OptionBase {
  readonly type: 'strings';
  readonly default?: readonly string[];
  /** The word for the value in the help text. Default: `text`. */
  readonly placeholder?: string;
}

/** A list like `5,17,3` or `5 17 3`, or `none`; the bounds hold for each member. */
export interface IntegersOption extends OptionBase, Bounds {
  readonly type: 'integers';
  readonly default?: readonly number[];
}

export interface ChoiceOption extends OptionBase {
  readonly type: 'choice';
  readonly choices: readonly string[];
  readonly default?: string;
}

export type OptionSpec =
  | StringOption
  | StringsOption
  | NumberOption
  | IntegerOption
  | BooleanOption
  | IntegersOption
  | ChoiceOption;
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** An argument without a flag, taken in the order of the table. */
export interface PositionalSpec {
  readonly help: string;
  readonly required?: boolean;
  /** Takes everything that is left; only the last one may. */
  readonly many?: boolean;
}
export type PositionalTable = Readonly<Record<string, PositionalSpec>>;

/** What one option can hold once parsed. */
export type RawValue = string | number | boolean | readonly number[] | readonly string[];

type ValueOfType<Spec> = Spec extends { type: 'choice'; choices: readonly (infer Choice)[] }
  ? Choice
  : Spec extends { type: 'integers' }
    ? readonly number[]
    : Spec extends { type: 'boolean' }
      ? boolean
      : Spec extends { type: 'strings' }
        ? readonly string[]
        : Spec extends { type: 'string' }
          ? string
          : number;

type OptionValue<Spec> = Spec extends { type: 'boolean' } | { required: true } | { default: RawValue }
  ? ValueOfType<Spec>
  : ValueOfType<Spec> | undefined;

type PositionalValue<Spec> = Spec extends { many: true }
  ? readonly string[]
  : Spec extends { required: true }
    ? string
    : string | undefined;

/** The parsed values of a command: every option by its key, and every positional by its name. */
export type Values<Options extends OptionTable, Positionals extends PositionalTable> = {
  readonly [Key in keyof Options]: OptionValue<Options[Key]>;
} & { readonly [Key in keyof Positionals]: PositionalValue<Positionals[Key]> };
