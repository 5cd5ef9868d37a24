// What a finished run says: one line for people, or one JSON document.
import { formatBytes, formatDuration, formatRate } from '../report/format.ts';
import type { CommandIo } from '../terminal/io.ts';
import type { TrainingSummary } from './train-text.ts';

export function reportSummary(
  summary: TrainingSummary,
  { io, json }: { readonly io: CommandIo; readonly json: boolean },
): void {
  if (json) {
    io.out.line(JSON.stringify(summary));
    return;
  }
  const { validationLoss, perplexity } = summary;
  const validation =
    validationLoss === undefined || perplexity === undefined
      ? ''
      : `validation loss ${validationLoss.toFixed(4)} nats a token, perplexity ${perplexity.toFixed(3)}; `;
  io.err.line(
    `${validation}${summary.steps} steps, ${formatDuration(summary.trainingSeconds)} of training, ${formatRate(summary.tokensPerSecond, 'tokens')}, at most ${formatBytes(summary.peakResidentBytes)} of memory`,
  );
  if (summary.interrupted) io.err.line(`stopped after step ${summary.steps}; go on with --resume`);
}
