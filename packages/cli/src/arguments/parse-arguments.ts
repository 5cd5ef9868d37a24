// Words → typed values. node:util splits the words into tokens; this file decides what each means, and refuses what it does not
// know. Precedence: flag, then environment (HIPPO_TOP_P; empty counts as unset), then the table's default. A repeated flag: the last
// wins, or all count where the option is a list of texts.
import { parseArgs } from 'node:util';
import { nearest, UsageError } from 'hippo';
import {
  type CommandDefinition,
  environmentNameOf,
  flagOf,
  globalFlags,
  type Spelling,
  spellingsOf,
} from './command.ts';
import type { OptionTable, PositionalTable, RawValue, Values } from './option-table.ts';
import { parseValue } from './option-value.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type ParsedArguments<Options extends OptionTable, Positionals extends PositionalTable> =
  | { readonly kind: 'help' }
  | { readonly kind: 'run'; readonly values: Values<Options, Positionals> };

type Token = ReturnType<typeof tokenize>[number];

function tokenize(command: CommandDefinition, spellings: ReadonlyMap<string, Spelling>, argv: readonly string[]) {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  for (const flag of globalFlags) options[flag] = { type: 'boolean', ...(flag === 'help' ? { short: 'h' } : {}) };
  for (const [written, { key, negated }] of spellings) {
    const spec = command.options[key];
    if (!spec) continue;
    const short = spec.short !== undefined && !negated && written === flagOf(key, spec) ? { short: spec.short } : {};
    options[written] = { type: spec.type === 'boolean' ? 'boolean' : 'string', ...short };
  }
  return parseArgs({ args: [...argv], options, strict: false, tokens: true, allowPositionals: true }).tokens;
}

function unknownOption(command: CommandDefinition, rawName: string): UsageError {
  const flags = Object.entries(command.options).map(([key, spec]) => flagOf(key, spec));
  const guess = rawName.startsWith('--')
    ? nearest(rawName.slice(2).replaceAll('_', '-'), [...flags, 'help', 'no-color'])
    : undefined;
  const advice = guess === undefined ? '' : ` Did you mean --${guess}?`;
  return new UsageError(
    'unknown-option',
    `${command.name}: there is no option ${rawName}.${advice} \`hippo ${command.name} --help\` lists them all.`,
    { option: rawName, nearest: guess },
  );
}

/** The word after a flag, refused when it is missing or looks like the next flag (`--out --json`). */
function valueWord(place: string, token: Extract<Token, { kind: 'option' }>): string {
  const { value, inlineValue, rawName } = token;
  if (value !== undefined && (inlineValue === true || !/^-[^\d.]/.test(value))) return value;
  const got = value === undefined ? 'nothing after it' : JSON.stringify(value);
  const advice = value === undefined ? 'Add one.' : `If that is the value, write ${rawName}=${value}.`;
  throw new UsageError('missing-value', `${place}: needs a value; got ${got}. ${advice}`, { option: rawName });
}

function readFlags(command: CommandDefinition, tokens: readonly Token[], spellings: ReadonlyMap<string, Spelling>) {
  const values = new Map<string, RawValue>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option' || globalFlags.some((flag) => flag === token.name)) continue;
    const spelling = spellings.get(token.name);
    const spec = spelling && command.options[spelling.key];
    if (!spec) throw unknownOption(command, token.rawName);
    const place = `${command.name}, ${token.rawName}`;
    if (spec.type === 'strings') {
      const before = values.get(spelling.key);
      values.set(spelling.key, [...(Array.isArray(before) ? before : []), valueWord(place, token)]);
    } else if (spec.type !== 'boolean') {
      values.set(spelling.key, parseValue(valueWord(place, token), spec, place));
    } else if (token.value === undefined) {
      values.set(spelling.key, !spelling.negated);
    } else if (spelling.negated) {
      throw new UsageError('option-value', `${place}: takes no value; got "${token.value}". Leave it off.`);
    } else {
      values.set(spelling.key, parseValue(token.value, spec, place));
    }
  }
  return { values, words };
}

/** `--attn-layer-idx 8 16 24`: whole numbers right after a list's value belong to the list, as in Python's argparse. */
function joinIntegers(
  command: CommandDefinition,
  tokens: readonly Token[],
  spellings: ReadonlyMap<string, Spelling>,
): readonly Token[] {
  const joined: Token[] = [];
  let next = -1;
  for (const token of tokens) {
    const last = joined.at(-1);
    const continues = token.kind === 'positional' && token.index === next && /^\d+$/.test(token.value);
    if (continues && last?.kind === 'option' && last.value !== undefined) {
      joined[joined.length - 1] = { ...last, value: `${last.value},${token.value}` };
      next++;
      continue;
    }
    joined.push(token);
    const isList =
      token.kind === 'option' && command.options[spellings.get(token.name)?.key ?? '']?.type === 'integers';
    next = isList && /\d$/.test(token.value ?? '') ? token.index + (token.inlineValue ? 1 : 2) : -1;
  }
  return joined;
}

function fillFromEnvironment(
  command: CommandDefinition,
  values: Map<string, RawValue>,
  environment: Environment,
): void {
  const missing: string[] = [];
  for (const [key, spec] of Object.entries(command.options)) {
    if (values.has(key)) continue;
    const name = environmentNameOf(key, spec);
    const text = environment[name];
    if (text) values.set(key, parseValue(text, spec, `${command.name}, ${name} (environment)`));
    else if (spec.default !== undefined) values.set(key, spec.default);
    else if (spec.type === 'boolean') values.set(key, false);
    else if (spec.required) missing.push(`--${flagOf(key, spec)}`);
  }
  if (missing.length > 0)
    throw new UsageError(
      'missing-option',
      `${command.name}: needs ${missing.join(' and ')}; got no value. \`hippo ${command.name} --help\` shows examples.`,
      { missing },
    );
}

function placeWords(
  command: CommandDefinition,
  words: readonly string[],
): ReadonlyMap<string, string | readonly string[]> {
  const placed = new Map<string, string | readonly string[]>();
  let next = 0;
  for (const [name, spec] of Object.entries(command.positionals)) {
    const word = words[next];
    if (word === undefined && spec.required)
      throw new UsageError(
        'missing-argument',
        `${command.name}: needs <${name}>; got nothing there. \`hippo ${command.name} --help\` shows examples.`,
        { missing: name },
      );
    if (spec.many) placed.set(name, words.slice(next));
    else if (word !== undefined) placed.set(name, word);
    next = spec.many ? words.length : next + 1;
  }
  const extra = words[next];
  if (extra !== undefined)
    throw new UsageError(
      'extra-argument',
      `${command.name}: takes ${Object.keys(command.positionals).length || 'no'} arguments without a flag; got ${JSON.stringify(extra)} as well. Put quotes around text with spaces.`,
      { argument: extra },
    );
  return placed;
}

/**
 * Parses the words after a command's name.
 * @returns `{ kind: 'help' }` when `--help` or `-h` is among them (whatever else is), else every value by its key.
 * @throws UsageError `unknown-option`, `missing-value`, `option-value`, `missing-option`, `missing-argument`, `extra-argument`.
 */
export function parseArguments<Options extends OptionTable, Positionals extends PositionalTable>(
  command: CommandDefinition<Options, Positionals>,
  argv: readonly string[],
  environment: Environment,
): ParsedArguments<Options, Positionals> {
  const spellings = spellingsOf(command.options);
  const tokens = tokenize(command, spellings, argv);
  if (tokens.some((token) => token.kind === 'option' && token.name === 'help')) return { kind: 'help' };
  const { values, words } = readFlags(command, joinIntegers(command, tokens, spellings), spellings);
  fillFromEnvironment(command, values, environment);
  // The table decides both the keys and the types of this object; a map's entries cannot say so to the compiler.
  const all = Object.fromEntries([...values, ...placeWords(command, words)]) as Values<Options, Positionals>;
  return { kind: 'run', values: all };
}
