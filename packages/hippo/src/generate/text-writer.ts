// One continuation as text: tokens become characters as soon as these are whole, stop strings are held back and cut off, and the
// last piece says why the text ended.
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Continuation } from './continuation.ts';
import type { Step } from './decode-prompts.ts';
import type { TokenProbability } from './log-probabilities.ts';
import type { DrawnToken } from './sampler.ts';
import { stopFilter } from './stop-strings.ts';

/** Why a text ended: `maxTokens` were drawn, a stop token was, a stop string is complete, or the signal was aborted. */
export type FinishReason = 'length' | 'stop-token' | 'stop-string' | 'abort';

/** A token with what the model thought of it. */
export interface TextToken {
  readonly token: number;
  /** In nats, before bias, penalties, temperature and cuts; null for the first token of a prompt, which nothing precedes. */
  readonly logProbability: number | null;
  /** The likeliest tokens at this place, when `logprobs` asks for them. */
  readonly top?: readonly TokenProbability[];
}

export interface TextPiece {
  /** Which prompt, from 0. */
  readonly prompt: number;
  /** Which sample of the prompt, from 0. */
  readonly sample: number;
  /** The text that became certain; it may be empty while a character or a possible stop string is incomplete. */
  readonly text: string;
  /** The token that was drawn or, in an echo, read. The last piece of a text may have none. */
  readonly token?: TextToken;
  /** This piece repeats the prompt. */
  readonly echo?: true;
  /** On the last piece of each text, and only there. */
  readonly finishReason?: FinishReason;
  /** The stop string or stop token that ended the text. */
  readonly stop?: string | number;
}

export interface TextWriter {
  /** Takes the next row of scores, or the token drawn from them. */
  readonly step: (scores: Float32Array | DrawnToken) => Step<TextPiece>;
  /** True once the last piece was given. */
  readonly ended: boolean;
  /** The last piece of a text that is given up. */
  abort(): TextPiece;
}

export interface WriterOptions {
  readonly place: Pick<TextPiece, 'prompt' | 'sample'>;
  readonly tokenizer: Tokenizer;
  readonly stopStrings: readonly string[];
  /** Pieces that come before the first that is drawn. */
  readonly echo: () => readonly TextPiece[];
}

export function textWriter(continuation: Continuation, options: WriterOptions): TextWriter {
  const { place, tokenizer, stopStrings, echo } = options;
  const decoder = tokenizer.decoder();
  const filter = stopFilter(stopStrings);
  let [begun, ended] = [false, false];
  const rest = (): string => filter.push(decoder.end()).text + filter.end();
  const end = (piece: Omit<TextPiece, 'prompt' | 'sample'>): TextPiece => {
    ended = true;
    return { ...place, ...piece };
  };
  const draw = (scores: Float32Array | DrawnToken): { piece: TextPiece } & Pick<Step<TextPiece>, 'next' | 'last'> => {
    if (continuation.finished) return { piece: end({ text: '', finishReason: 'length' }) };
    const drawn = continuation.draw(scores);
    if ('stopToken' in drawn)
      return { piece: end({ text: rest(), finishReason: 'stop-token', stop: drawn.stopToken }) };
    const { index: _index, ...token } = drawn;
    const { text, stop } = filter.push(decoder.push(token.token));
    const last = token.token;
    if (stop !== undefined) return { piece: end({ text, token, finishReason: 'stop-string', stop }), last };
    if (continuation.finished) return { piece: end({ text: text + rest(), token, finishReason: 'length' }), last };
    return { piece: { ...place, text, token }, next: token.token };
  };
  return {
    step(scores) {
      const before = begun ? [] : echo();
      begun = true;
      const { piece, ...tokens } = draw(scores);
      return { events: [...before, piece], ...tokens };
    },
    get ended() {
      return ended;
    },
    abort: () => end({ text: rest(), finishReason: 'abort' }),
  };
}
