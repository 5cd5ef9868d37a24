// Texts on stdout: a single one as it is drawn, several whole and in order under headers, or JSON lines.
import type { FinishReason, TextPiece, TextToken, Tokenizer } from 'hippo';
import type { Output } from '../terminal/io.ts';

export type TextOutput = (piece: TextPiece) => void;

export interface TextShape {
  readonly prompts: readonly string[];
  readonly samples: number;
  readonly tokenizer: Tokenizer;
}

/** Streams the text of a single prompt and sample, after its prompt. */
export function streamedText(out: Output, { prompts }: TextShape): TextOutput {
  let begun = false;
  return ({ text, echo, finishReason }) => {
    // Not before the first piece: until then the options may still be refused.
    if (!begun) out.write(prompts[0] ?? '');
    begun = true;
    if (!echo) out.write(text);
    if (finishReason !== undefined) out.line();
  };
}

/** `prompt 2 of 3, sample 1 of 4`, without what there is only one of. */
export function textHeader(
  { prompt, sample }: Pick<TextPiece, 'prompt' | 'sample'>,
  { prompts, samples }: TextShape,
): string {
  const parts = [
    ...(prompts.length > 1 ? [`prompt ${prompt + 1} of ${prompts.length}`] : []),
    ...(samples > 1 ? [`sample ${sample + 1} of ${samples}`] : []),
  ];
  return `--- ${parts.join(', ')} ---`;
}

/** Writes whole texts in the order of prompts and samples, each as soon as those before it are written. */
export function orderedTexts(out: Output, shape: TextShape): TextOutput {
  const { prompts, samples } = shape;
  const texts = new Map<number, { text: string; ended: boolean }>();
  let next = 0;
  return ({ prompt, sample, text, echo, finishReason }) => {
    const at = prompt * samples + sample;
    const before = texts.get(at)?.text ?? '';
    texts.set(at, { text: echo ? before : before + text, ended: finishReason !== undefined });
    for (let ready = texts.get(next); ready?.ended; ready = texts.get(next)) {
      const place = { prompt: Math.floor(next / samples), sample: next % samples };
      out.line(out.colors.bold(textHeader(place, shape)));
      out.line((prompts[place.prompt] ?? '') + ready.text);
      texts.delete(next++);
    }
  };
}

/** What a whole text was, for its last line. */
interface Summary {
  text: string;
  tokens: number;
}

/** A line a token, and one with the whole text when it ends; with the places of the text where there are several. */
export function jsonTexts(out: Output, { prompts, samples, tokenizer }: TextShape): TextOutput {
  const summaries = new Map<number, Summary>();
  const several = prompts.length > 1 || samples > 1;
  const withText = ({ token, logProbability, top }: TextToken) => ({
    token,
    logProbability,
    ...(top && { top: top.map((other) => ({ ...other, text: tokenizer.decode([other.token]) })) }),
  });
  return ({ prompt, sample, text, token, echo, finishReason, stop }) => {
    const place = several ? { promptIndex: prompt, sample } : {};
    const at = prompt * samples + sample;
    const summary = summaries.get(at) ?? { text: '', tokens: 0 };
    summaries.set(at, summary);
    if (!echo) summary.text += text;
    if (!echo && token) summary.tokens++;
    const line = { ...place, ...(echo && { echo }), text, ...(token && withText(token)) };
    if (token || text !== '') out.line(JSON.stringify(line));
    if (finishReason === undefined) return;
    summaries.delete(at);
    out.line(JSON.stringify({ ...place, ...summaryLine(prompts[prompt], summary, finishReason), stop }));
  };
}

function summaryLine(prompt: string | undefined, { text, tokens }: Summary, finishReason: FinishReason) {
  return { prompt, text, tokens, finishReason };
}
