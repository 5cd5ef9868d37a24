// Which files of a repository are pulled: those that were asked for, or what a model needs of the repository and nothing twice: models
// are often stored in several formats side by side.
import { HubError } from '../../errors.ts';
import { nearest } from '../../suggest.ts';

/** Settings and tokenizers, at the top of the repository. */
const settings = /^[^/]+\.json$|^(merges|vocab)\.txt$|^[^/]+\.(model|jinja)$/;
/** Formats of weights, the best first; the first that is there is taken. */
const weights = [/^[^/]+\.safetensors$/, /^[^/]+\.pt$/, /^pytorch_model[^/]*\.bin$/];

/**
 * The paths to pull.
 * @param asked names, in which `*` stands for anything; none: settings, tokenizer and the weights in one format.
 * @throws HubError `hub-missing` for a name that is not there, and for a repository without weights when none was asked for.
 */
export function chooseFiles(name: string, paths: readonly string[], asked: readonly string[]): string[] {
  if (asked.length > 0) {
    const chosen = new Set(asked.flatMap((pattern) => matching(name, paths, pattern)));
    return paths.filter((path) => chosen.has(path));
  }
  const format = weights.find((pattern) => paths.some((path) => pattern.test(path)));
  if (format !== undefined) return paths.filter((path) => settings.test(path) || format.test(path));
  throw new HubError(
    'hub-missing',
    `${name}: has no weights (.safetensors, .pt or pytorch_model.bin) at its top; it has ${list(paths)}. Name the files with --file, "*" for all.`,
    { repository: name, files: paths },
  );
}

function matching(name: string, paths: readonly string[], pattern: string): string[] {
  const expression = new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`);
  const found = paths.filter((path) => expression.test(path));
  if (found.length > 0) return found;
  const guess = nearest(pattern, paths);
  throw new HubError(
    'hub-missing',
    `${name}: there is no file ${JSON.stringify(pattern)}.${guess === undefined ? '' : ` Did you mean ${JSON.stringify(guess)}?`} It has ${list(paths)}.`,
    { repository: name, file: pattern, files: paths },
  );
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

function list(paths: readonly string[]): string {
  const shown = paths.slice(0, 20).join(', ') || 'none';
  return paths.length > 20 ? `${shown} and ${paths.length - 20} more` : shown;
}
