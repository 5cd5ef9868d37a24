// Requests to a hub, and what its refusals mean for the person who asked. The token goes to the hub alone, never to the servers that
// it sends the large files from.
import { HubError } from '../../errors.ts';
import type { HubEnvironment } from './hub-environment.ts';
import type { RepositoryName } from './repository-name.ts';

export interface HubRequest {
  readonly url: string;
  /** What is asked for, to say in errors: a file, or nothing for the list of files. */
  readonly file?: string | undefined;
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export interface HubAnswer {
  /** The last response, after every redirection. */
  readonly response: Response;
  /** The headers of the hub's own responses, where it says what a file is before it redirects to where the file lies. */
  readonly described: Headers;
}

const mostRedirections = 10;

/** Codes and states of a network that is not there, or not just now; a cached copy will do. */
export const unreachable = 'hub-unreachable';

/**
 * Asks the hub and follows its redirections.
 * @throws HubError `hub-unreachable`, `hub-refused`, `hub-missing`, `hub-answer`.
 */
export async function askHub(
  { endpoint, token, answerTimeout }: HubEnvironment,
  repository: RepositoryName,
  { url, file, method = 'GET', headers = {}, signal }: HubRequest,
): Promise<HubAnswer> {
  const hub = new URL(endpoint).origin;
  const described = new Headers();
  let next = new URL(url);
  for (let hops = 0; hops <= mostRedirections; hops++) {
    const ours = next.origin === hub;
    const authorization = token !== undefined && ours ? { authorization: `Bearer ${token}` } : {};
    const response = await send(next, {
      method,
      redirect: 'manual',
      headers: { 'user-agent': 'hippo', 'accept-encoding': 'identity', ...headers, ...authorization },
      signal,
      answerTimeout,
    });
    if (ours) for (const [name, value] of response.headers) described.set(name, value);
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) {
      if (!response.ok) throw await refusal(response, { endpoint, token, repository, file });
      return { response, described };
    }
    await response.body?.cancel();
    next = new URL(location, next);
  }
  throw new HubError(
    'hub-answer',
    `${url}: must lead to a file; it redirects more than ${mostRedirections} times. Check HF_ENDPOINT (${endpoint}).`,
    { url },
  );
}

interface Sending extends Omit<RequestInit, 'signal'> {
  readonly signal: AbortSignal | undefined;
  readonly answerTimeout: number;
}

/** One request, given up when no answer begins in time. How long the answer itself takes is not limited here. */
async function send(url: URL, { signal, answerTimeout, ...options }: Sending): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), answerTimeout);
  try {
    return await fetch(url, { ...options, signal: AbortSignal.any(signal ? [signal, late.signal] : [late.signal]) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw noConnection(url.origin, late.signal.aborted ? new Error(`no answer in ${answerTimeout / 1000} s`) : error);
  } finally {
    clearTimeout(timer);
  }
}

/** The network's own words are in the cause: fetch only says that it failed. */
export function noConnection(who: string, error: unknown): HubError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const said = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new HubError(
    unreachable,
    `${who}: cannot be reached; got ${said}. Check the network (HF_ENDPOINT names another hub), and run it again: it goes on where it stopped.`,
    { who },
    { cause: error },
  );
}

interface Refused {
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly repository: RepositoryName;
  readonly file: string | undefined;
}

async function refusal(response: Response, refused: Refused): Promise<HubError> {
  await response.body?.cancel();
  const { status } = response;
  const { repository, file } = refused;
  const reason = response.headers.get('x-error-code') ?? '';
  const { code, sentence } = explain({ ...refused, status, reason });
  const where = file === undefined ? repository.name : `${repository.name}, ${file}`;
  return new HubError(code, `${where}: ${sentence}`, { ...repository, file, status, reason });
}

function explain({
  endpoint,
  token,
  repository: { name, revision },
  file,
  status,
  reason,
}: Refused & { readonly status: number; readonly reason: string }): {
  readonly code: string;
  readonly sentence: string;
} {
  const page = `${endpoint}/${name}`;
  if (reason === 'GatedRepo' || (status === 403 && reason === '')) {
    const advice =
      token === undefined
        ? `Accept its conditions at ${page}, then set HF_TOKEN to a token of your account`
        : `Accept its conditions at ${page} with the account that HF_TOKEN belongs to`;
    return { code: 'hub-refused', sentence: `is gated, for accounts that accepted its conditions. ${advice}.` };
  }
  if (status === 401 || reason === 'RepoNotFound') {
    const advice =
      token === undefined
        ? 'for a private model set HF_TOKEN to a token of your account'
        : 'or the account of HF_TOKEN may not read it';
    return {
      code: 'hub-refused',
      sentence: `there is no such model, or it is private. Check the spelling; ${advice}.`,
    };
  }
  if (status === 404) {
    const missing = reason === 'RevisionNotFound' ? `revision ${JSON.stringify(revision)}` : file ? 'file' : 'model';
    return { code: 'hub-missing', sentence: `there is no such ${missing}. Check the spelling at ${page}.` };
  }
  const code = status >= 500 || status === 429 ? unreachable : 'hub-answer';
  return { code, sentence: `${endpoint} answered ${status}. Try again later.` };
}
