// The prompt as the first pieces of a text: in one piece, or token by token with what the model thought of each. The first token has
// no probability (null), the others those that the model gave after the tokens before them.
import type { Tokenizer } from '../text/tokenizer.ts';
import type { CandidateSpace } from './candidates.ts';
import { logProbabilitiesOf, type TokenProbability, topLogProbabilities } from './log-probabilities.ts';
import type { TextPiece, TextToken } from './text-writer.ts';

export interface PromptEcho {
  /** Takes the scores after each token of the prompt; absent where nobody asked for probabilities. */
  readonly visit?: (position: number, scores: Float32Array) => void;
  /** The pieces, once the prompt was read. */
  pieces(place: Pick<TextPiece, 'prompt' | 'sample'>): readonly TextPiece[];
}

export const noEcho: PromptEcho = { pieces: () => [] };

/** @param logprobs how many of the likeliest tokens to list; undefined: the text alone. */
export function promptEcho(
  tokens: Int32Array,
  tokenizer: Tokenizer,
  logprobs: number | undefined,
  space: CandidateSpace,
): PromptEcho {
  if (logprobs === undefined) return { pieces: (place) => [{ ...place, text: tokenizer.decode(tokens), echo: true }] };
  const thought: { logProbability: number | null; top?: readonly TokenProbability[] }[] = [
    { logProbability: null, ...(logprobs > 0 && { top: [] }) },
  ];
  const visit = (position: number, scores: Float32Array): void => {
    const next = tokens[position + 1];
    if (next === undefined) return;
    const of = logProbabilitiesOf(scores);
    const top = logprobs > 0 && { top: topLogProbabilities(scores, logprobs, of, space) };
    thought[position + 1] = { logProbability: of(next), ...top };
  };
  const pieces = (place: Pick<TextPiece, 'prompt' | 'sample'>): TextPiece[] => {
    const decoder = tokenizer.decoder();
    return Array.from(tokens, (token, position) => {
      const text = decoder.push(token) + (position === tokens.length - 1 ? decoder.end() : '');
      const about: TextToken = { token, ...(thought[position] ?? { logProbability: null }) };
      return { ...place, text, token: about, echo: true };
    });
  };
  return { visit, pieces };
}
