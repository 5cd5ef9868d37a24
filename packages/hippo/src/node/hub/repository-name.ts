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
 * @param given the revision, named beside the repository. Default: that of the text, else `main`.
 * @throws UsageError `repository-name`, also where text and `given` name different revisions.
 */
export function parseRepository(text: string, given?: string): RepositoryName {
  const [name = '', written, ...more] = text.replace(/^hf:(\/\/)?/, '').split('@');
  const revision = written ?? given ?? defaultRevision;
  const agree = given === undefined || given === revision;
  if (more.length === 0 && isName(name) && isRevision(revision) && agree) return { name, revision };
  const got = JSON.stringify(text) + (given === undefined ? '' : ` at ${JSON.stringify(given)}`);
  throw new UsageError(
    'repository-name',
    `pull: a repository is named org/name or org/name@revision, in letters, digits, ".", "_" and "-", with one revision; got ${got}.`,
    { repository: text, revision: given },
  );
}
