// Where the hub is, where its cache lies and who asks, from the environment variables that the ecosystem's tools share: HF_ENDPOINT,
// HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE, HF_HUB_ETAG_TIMEOUT.
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface HubEnvironment {
  /** Without a slash at the end. */
  readonly endpoint: string;
  /** The folder of cached repositories. */
  readonly cache: string;
  readonly token: string | undefined;
  readonly offline: boolean;
  /** Milliseconds that a server may take before it begins to answer. */
  readonly answerTimeout: number;
}

/** Seconds, as the ecosystem's other tools wait. */
const defaultTimeout = 10;

const trueWords = new Set(['1', 'on', 'yes', 'true']);

/** The first variable that is set; an empty one counts as unset. */
function first(environment: Environment, ...names: readonly string[]): string | undefined {
  return names.map((name) => environment[name]?.trim()).find(Boolean);
}

const expandHome = (path: string): string => resolve(path.replace(/^~(?=[/\\]|$)/, homedir()));

/** The hub cache alone, for what needs no network. */
export function hubCache(environment: Environment): string {
  return expandHome(first(environment, 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE') ?? join(hubHome(environment), 'hub'));
}

function hubHome(environment: Environment): string {
  return (
    first(environment, 'HF_HOME') ??
    join(first(environment, 'XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'huggingface')
  );
}

/** Reads the variables and, where HF_TOKEN is not set, the token file. */
export async function hubEnvironment(environment: Environment): Promise<HubEnvironment> {
  const tokenFile = expandHome(first(environment, 'HF_TOKEN_PATH') ?? join(hubHome(environment), 'token'));
  // Most people have no token, and most models need none.
  const stored = await readFile(tokenFile, 'utf8').catch(() => '');
  return {
    endpoint: (first(environment, 'HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, ''),
    cache: hubCache(environment),
    token: first(environment, 'HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN') ?? (stored.trim() || undefined),
    // What is no number of seconds counts as unset, as in those tools.
    answerTimeout: 1000 * (Number(first(environment, 'HF_HUB_ETAG_TIMEOUT')) || defaultTimeout),
    offline: trueWords.has((first(environment, 'HF_HUB_OFFLINE') ?? '').toLowerCase()),
  };
}
