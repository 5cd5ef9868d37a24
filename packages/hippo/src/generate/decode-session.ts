// One continuation on a session: it goes on from what the session has read, and the session has read its text afterwards.
import { UsageError } from '../errors.ts';
import { interruption } from '../session/interruption.ts';
import type { PromptToDecode } from './decode-prompts.ts';
import type { Session } from './session.ts';

/**
 * Yields the events of the prompt's only continuation. The session has read every token whose event came out, the last one too,
 * however it ends.
 * @throws UsageError `empty-prompt` when neither session nor prompt has a token; the signal's reason when it is aborted.
 */
export async function* decodeSession<Event>(
  session: Session,
  { tokens, continuations: [continuation] }: Pick<PromptToDecode<Event>, 'tokens' | 'continuations'>,
  { vocabularySize, signal }: { readonly vocabularySize: number; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Event> {
  const interrupt = interruption(signal);
  await interrupt();
  let scores = tokens.length > 0 ? await session.append(tokens) : session.scores;
  while (continuation) {
    if (!scores)
      throw new UsageError(
        'empty-prompt',
        'generate: neither the session nor the prompt has a token to go on from. Give a prompt, such as a line break.',
      );
    await interrupt();
    const { events, next, last } = continuation.step(scores.subarray(0, vocabularySize));
    const token = next ?? last;
    if (token !== undefined) scores = await session.append([token]);
    yield* events;
    if (next === undefined) return;
  }
}
