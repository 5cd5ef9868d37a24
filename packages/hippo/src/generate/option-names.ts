// Options are objects, and a misspelt key would silently do nothing: every entry of generation checks the names first.
import { UsageError } from '../errors.ts';
import { nearest } from '../suggest.ts';

/** @throws UsageError `unknown-option` for the first key that is not among `names`, with the nearest one that is. */
export function checkOptionNames(who: string, options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).find((key) => !names.includes(key));
  if (unknown === undefined) return;
  const guess = nearest(unknown, names);
  const advice = guess === undefined ? `The options are ${names.join(', ')}.` : `Did you mean ${guess}?`;
  throw new UsageError('unknown-option', `${who}: there is no option ${unknown}. ${advice}`, {
    option: unknown,
    nearest: guess,
  });
}

/** @throws UsageError `contradiction` saying which two options cannot both be given, and why. */
export function refuseTogether(who: string, first: string, second: string, why: string): never {
  throw new UsageError(
    'contradiction',
    `${who}: ${first} and ${second} contradict each other: ${why}. Give one of them.`,
    { options: [first, second] },
  );
}
