// `--vary head-dim=1,2,4,8`: one option taken through several values, each with every model and seed.
import { nearest, UsageError } from 'hippo';
import { flagOf, spellingsOf } from '../arguments/command.ts';
import type { RawValue } from '../arguments/option-table.ts';
import { parseValue } from '../arguments/option-value.ts';
import { experimentOptions } from './experiment-options.ts';

export type VariedKey = keyof typeof experimentOptions;

/** What a run is one of: the option as it is written, without dashes, and its value there. */
export interface Varied {
  readonly option: string;
  readonly value: number | string;
}

export interface Variation {
  readonly key: VariedKey;
  /** As it is written, without dashes. */
  readonly option: string;
  readonly values: readonly (number | string)[];
}

const flags = (Object.keys(experimentOptions) as VariedKey[]).map((key) => flagOf(key, experimentOptions[key]));
const isNumberOrText = (value: RawValue): value is number | string =>
  typeof value === 'number' || typeof value === 'string';

/** @throws UsageError `vary` for an option that cannot be varied, no value, or one given twice; `option-value` for a bad one. */
export function readVariation(text: string): Variation {
  const [, name = '', list = ''] = /^\s*([^=]*?)\s*(?:=(.*))?$/s.exec(text) ?? [];
  // The keys of the table are those of its type.
  const key = spellingsOf(experimentOptions).get(name.replace(/^--/, ''))?.key as VariedKey | undefined;
  if (key === undefined) {
    const guess = nearest(name, flags);
    throw refusal(
      `takes one of ${flags.join(', ')} and its values, as in head-dim=1,2,4; got ${JSON.stringify(text)}.${guess ? ` Did you mean "${guess}"?` : ' Name one of these.'}`,
      { option: name, nearest: guess },
    );
  }
  const spec = experimentOptions[key];
  const option = flagOf(key, spec);
  const words = list.split(',').map((word) => word.trim());
  if (list.trim() === '')
    throw refusal(`needs values of ${option} between commas; got none. Write ${option}=…,….`, { option });
  const values = words.map((word) => parseValue(word, spec, `synthetic, --vary ${option}`)).filter(isNumberOrText);
  const twice = values.find((value, i) => values.indexOf(value) < i);
  if (twice !== undefined)
    throw refusal(`needs different values; got ${option} ${twice} twice. Leave one of them out.`, { option, twice });
  return { key, option, values };
}

function refusal(rest: string, facts: Readonly<Record<string, unknown>>): UsageError {
  return new UsageError('vary', `synthetic, --vary: ${rest}`, facts);
}
