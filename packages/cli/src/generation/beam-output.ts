// The texts of a beam search on stdout: whole, the best first, with their scores.
import type { Beam, Tokenizer } from 'hippo';
import type { Output } from '../terminal/io.ts';

export interface BeamPlace {
  readonly prompt: string;
  readonly promptIndex: number;
  readonly promptCount: number;
  readonly tokenizer: Tokenizer;
}

export function writeBeams(
  out: Output,
  beams: readonly Beam[],
  { prompt, promptIndex, promptCount, tokenizer }: BeamPlace,
): void {
  for (const [index, beam] of beams.entries()) {
    const place = [
      ...(promptCount > 1 ? [`prompt ${promptIndex + 1} of ${promptCount}`] : []),
      ...(beams.length > 1 ? [`beam ${index + 1} of ${beams.length}`, `score ${beam.score.toFixed(4)}`] : []),
    ];
    if (place.length > 0) out.line(out.colors.bold(`--- ${place.join(', ')} ---`));
    out.line(prompt + tokenizer.decode(beam.tokens));
  }
}

export function writeBeamLines(
  out: Output,
  beams: readonly Beam[],
  { prompt, promptIndex, promptCount, tokenizer }: BeamPlace,
): void {
  for (const [beam, { tokens, score, logProbability, finishReason, stop }] of beams.entries()) {
    const place = promptCount > 1 ? { promptIndex, beam } : { beam };
    const text = tokenizer.decode(tokens);
    out.line(
      JSON.stringify({
        ...place,
        prompt,
        text,
        ids: tokens,
        tokens: tokens.length,
        score,
        logProbability,
        finishReason,
        stop,
      }),
    );
  }
}
