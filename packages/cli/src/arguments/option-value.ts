// One word from the command line or the environment → one value of an option's type, or a sentence that says flag, rule, value.
import { UsageError } from 'hippo';
import type { IntegerOption, IntegersOption, NumberOption, OptionSpec, RawValue } from './option-table.ts';

/** Where a word came from, for the sentence: `generate, --top-p` or `generate, HIPPO_TOP_P (environment)`. */
export type ValuePlace = string;

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const truths: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

type Numeric = NumberOption | IntegerOption | IntegersOption;

/** The rule of a numeric option in words: `a number from 0 to 1`. */
export function numericRule(spec: Numeric): string {
  const noun = spec.type === 'number' ? 'a number' : spec.type === 'integer' ? 'a whole number' : 'whole numbers';
  const above = spec.type === 'number' && spec.above !== undefined ? ` above ${spec.above}` : '';
  const { min, max } = spec;
  if (min !== undefined && max !== undefined) return `${noun} from ${min} to ${max}`;
  const bounds = [above, min === undefined ? '' : ` of at least ${min}`, max === undefined ? '' : ` of at most ${max}`];
  return noun + bounds.filter((text) => text !== '').join(' and');
}

function parseNumber(text: string, spec: Numeric): number | undefined {
  if (!decimal.test(text)) return undefined;
  const value = Number(text);
  const allowed = spec.type === 'number' ? Number.isFinite(value) : Number.isSafeInteger(value);
  if (!allowed || value < (spec.min ?? -Infinity) || value > (spec.max ?? Infinity)) return undefined;
  if (spec.type === 'number' && spec.above !== undefined && value <= spec.above) return undefined;
  return value;
}

function parseIntegers(text: string, spec: IntegersOption): readonly number[] | undefined {
  if (text.trim() === 'none') return [];
  const values = text.split(',').map((part) => parseNumber(part.trim(), spec));
  return values.every((value) => value !== undefined) ? values : undefined;
}

/**
 * Reads `text` as a value of `spec`'s type.
 * @throws UsageError `option-value` naming the place, the rule and what was got.
 */
export function parseValue(text: string, spec: OptionSpec, place: ValuePlace): RawValue {
  const refuse = (rule: string, advice: string): never => {
    throw new UsageError('option-value', `${place}: must be ${rule}; got ${JSON.stringify(text)}. ${advice}`, {
      place,
      rule,
      value: text,
    });
  };
  switch (spec.type) {
    case 'string':
      return text;
    case 'strings':
      return [text];
    case 'boolean':
      return truths[text.trim().toLowerCase()] ?? refuse('true or false', 'Write one of them.');
    case 'choice':
      if (spec.choices.includes(text)) return text;
      return refuse(`one of ${spec.choices.join(', ')}`, 'Choose one of these.');
    case 'integers':
      return (
        parseIntegers(text, spec) ??
        refuse(`${numericRule(spec)} between commas`, 'Write them like 5,17,3 without a gap, or none.')
      );
    default:
      return parseNumber(text.trim(), spec) ?? refuse(numericRule(spec), 'Give such a value.');
  }
}
