// What a model is named by: a folder, or a repository that was pulled from a hub, `hf:org/name` or plain `org/name`.
import { CheckpointError } from '../../errors.ts';
import { exists } from '../files.ts';
import type { Environment } from './hub-environment.ts';
import { cachedSnapshot } from './pull.ts';
import { looksLikeRepository } from './repository-name.ts';

/**
 * The folder that a model path means. What is on the disk comes first; `hf:` always means the cache.
 * A path that is neither comes back as it is, for the error of whoever opens it.
 * @throws CheckpointError `not-pulled` for an `hf:` name that is not in the cache, UsageError `repository-name`.
 */
export async function resolveModelPath(
  path: string,
  { environment = process.env }: { readonly environment?: Environment } = {},
): Promise<string> {
  const explicit = path.startsWith('hf:');
  if (!explicit && ((await exists(path)) || !looksLikeRepository(path))) return path;
  const folder = await cachedSnapshot(path, { environment });
  if (folder !== undefined) return folder;
  if (!explicit) return path;
  const name = path.replace(/^hf:(\/\/)?/, '');
  throw new CheckpointError(
    'not-pulled',
    `${path}: a model of a hub must be in the cache; it is not there. Fetch it with \`hippo pull ${name}\`.`,
    { repository: name },
  );
}
