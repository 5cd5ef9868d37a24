// Names of repositories on a hub: `org/name`, or `org/name@revision` for a branch, a tag or a commit.
import { UsageError } from '../../errors.ts';

export interface RepositoryName {
  readonly name: string;
  readonly revision: string;
}

export const defaultRevision = 'main';

/** One or two parts of letters, digits, `.`, `_` and `-`. The cache's folders are named by them, so nothing else may pass. */
const namePattern = /^[\w.-]+(\/[\w.-]+)?$/;
const revisionPattern = /^[\w.-]+(\/[\w.-]+)*$/;
const dotted = /(^|\/)\.{1,2}(\/|$)/;

/** Whether this could be a repository: `org/name`, with or without a revision. */
export function looksLikeRepository(text: string): boolean {
  const [name = '', revision = defaultRevision, ...more] = text.split('@');
  return more.length === 0 && name.includes('/') && isName(name) && isRevision(revision);
}

const isName = (name: string): boolean => namePattern.test(name) && !dotted.test(name) && !name.includes('--');
const isRevision = (revision: string): boolean => revisionPattern.test(revision) && !dotted.test(revision);

/**
 * Takes `org/name@revision` apart; `hf:` before it is allowed.
 * @param given the revision where the text has none. Default `main`.
 * @throws UsageError `repository-name`.
 */
export function parseRepository(text: string, given = defaultRevision): RepositoryName {
  const [name = '', revision = given, ...more] = text.replace(/^hf:(\/\/)?/, '').split('@');
  if (more.length === 0 && isName(name) && isRevision(revision)) return { name, revision };
  throw new UsageError(
    'repository-name',
    `pull: a repository is named org/name or org/name@revision, in letters, digits, ".", "_" and "-"; got ${JSON.stringify(text)}${revision === given && given !== defaultRevision ? ` at ${JSON.stringify(given)}` : ''}.`,
    { repository: text, revision },
  );
}
