// A training run as a person sees it: a progress line, validations, metrics in the run folder, the loss curve at the end.

import { join } from 'node:path';
import {
  batchAt,
  checkWindows,
  compileScorer,
  createStore,
  type Device,
  languageModel,
  type ModelConfigInput,
  type Tokenizer,
  type TrainEvent,
  type TrainOptions,
  train,
} from 'hippo';
import { openRunFolder, type RunFolder, replaceFile } from 'hippo/node';
import type { Series } from '../plot/series.ts';
import { svgPlot } from '../plot/svg-plot.ts';
import { terminalPlot } from '../plot/terminal-plot.ts';
import { openProgress, type ProgressLine } from '../progress/progress-line.ts';
import { formatBytes, formatCount, formatDuration, formatRate } from '../report/format.ts';
import type { CommandIo } from '../terminal/io.ts';
import { tokenizerIdentity } from './tokenizer-identity.ts';

export interface TextTraining {
  readonly device: Device;
  readonly config: ModelConfigInput;
  readonly tokenizer: Tokenizer;
  readonly training: string;
  readonly validation: string;
  readonly options: TrainOptions;
  /** Targets in a validation window. */
  readonly validationLength: number;
  readonly out: string;
  readonly resume: boolean;
  readonly keepLast?: number;
  /** Goes into run.json beside config and options: where the text came from. */
  readonly source: Readonly<Record<string, unknown>>;
}

export interface TrainingSummary {
  readonly out: string;
  readonly steps: number;
  readonly interrupted: boolean;
  readonly parameters: number;
  readonly trainingLoss: number;
  readonly validationLoss: number | undefined;
  readonly perplexity: number | undefined;
  /** Spent in training steps, validation and saving aside. */
  readonly trainingSeconds: number;
  readonly tokensPerSecond: number;
  readonly peakResidentBytes: number;
  readonly threads: string;
}

/** Trains, reports on stderr, and leaves metrics, a plot and checkpoints in the run folder. */
export async function trainText(task: TextTraining, io: CommandIo): Promise<TrainingSummary> {
  const { device, tokenizer, options } = task;
  const [tokens, heldOut] = [tokenizer.encode(task.training), tokenizer.encode(task.validation)];
  checkWindows(tokens, options.length);
  checkWindows(heldOut, 1);
  const model = languageModel(task.config);
  const parameters = model.variables.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const store = createStore(device);
  store.initialize(model.variables, { seed: options.seed ?? 0 });
  // Recomputing layers changes no number, so a run may be resumed with or without it.
  const { recompute: _, ...training } = options;
  const record = {
    model: model.config,
    training,
    validationLength: task.validationLength,
    tokenizer: tokenizerIdentity(tokenizer),
    source: task.source,
  };
  const runFolder = await openRunFolder(task.out, {
    record,
    model,
    store,
    tokenizer,
    resume: task.resume,
    ...(task.keepLast !== undefined && { keepLast: task.keepLast }),
  });
  using scorer = await compileScorer(model, { store, batch: options.batch, length: task.validationLength });
  io.err.line(
    `${formatCount(parameters)} parameters, ${formatCount(tokens.length)} training tokens, ${formatCount(heldOut.length)} for validation → ${task.out}`,
  );

  const signal = io.onInterrupt('finishing the step and saving');
  const report = openReport(io, options);
  const { seed = 0, batch, length } = options;
  const run = {
    model,
    store,
    signal,
    batchAt: (at: { readonly step: number; readonly micro: number }) => batchAt({ tokens, batch, length, seed }, at),
    validate: async () => (await scorer.score(heldOut)).loss,
    save: runFolder.save,
    resume: runFolder.resume,
  };
  for await (const event of train(run, options)) {
    report.see(event);
    await logEvent(runFolder, event);
  }
  const summary = { out: task.out, parameters, threads: device.description, ...report.finish() };
  await writePlot(runFolder, io);
  return summary;
}

async function logEvent(folder: RunFolder, event: TrainEvent): Promise<void> {
  if (event.kind === 'step' || event.kind === 'validation')
    await folder.log({ ...event, time: new Date().toISOString() });
}

/** Follows the events: a line for people, totals for the summary. */
function openReport(io: CommandIo, options: TrainOptions) {
  const progress = openProgress(io.err);
  let [loss, seconds, tokens, step] = [Number.NaN, 0, 0, 0];
  let validationLoss: number | undefined;
  let interrupted = false;
  const line = (event: Extract<TrainEvent, { kind: 'step' }>): string => {
    const left = ((options.steps - event.step) * seconds) / Math.max(1, stepsSeen);
    return `step ${event.step}/${options.steps}  loss ${loss.toFixed(3)}  rate ${event.learningRate.toExponential(1)}  gradient ${event.gradientNorm.toFixed(2)}  ${formatRate(event.tokens / event.seconds, 'tokens')}  ${formatDuration(left)} left`;
  };
  let stepsSeen = 0;
  return {
    see(event: TrainEvent) {
      if (event.kind === 'start') announceStart(progress, event);
      if (event.kind === 'step') {
        // Shown and reported smoothed over about fifty steps.
        loss = Number.isNaN(loss) ? event.loss : loss + 0.04 * (event.loss - loss);
        seconds += event.seconds;
        tokens += event.tokens;
        stepsSeen++;
        step = event.step;
        progress.update(() => line(event));
      }
      if (event.kind === 'validation') {
        validationLoss = event.loss;
        progress.log(
          `step ${event.step}: validation loss ${event.loss.toFixed(4)}, perplexity ${Math.exp(event.loss).toFixed(3)}${event.best ? ' (best so far)' : ''}`,
        );
      }
      if (event.kind === 'end') interrupted = event.interrupted;
    },
    finish() {
      progress.finish();
      return {
        steps: step,
        interrupted,
        trainingLoss: loss,
        validationLoss,
        perplexity: validationLoss === undefined ? undefined : Math.exp(validationLoss),
        trainingSeconds: seconds,
        tokensPerSecond: tokens / seconds,
        peakResidentBytes: process.resourceUsage().maxRSS * 1024,
      };
    },
  };
}

function announceStart(progress: ProgressLine, event: Extract<TrainEvent, { kind: 'start' }>): void {
  progress.log(
    `${event.step === 0 ? 'training' : `resuming after step ${event.step}`}, ${formatBytes(event.peakBytes)} for a step`,
  );
}

/** The loss curve, on the terminal and as loss.svg in the run folder. */
async function writePlot(folder: RunFolder, io: CommandIo): Promise<void> {
  const lines = await folder.metrics();
  const series = (name: string, kind: string, style: 'line' | 'marked'): Series => {
    const chosen = lines.filter((line) => line.kind === kind);
    return { name, style, x: chosen.map(({ step }) => Number(step)), y: chosen.map(({ loss }) => Number(loss)) };
  };
  const shown = [series('training', 'step', 'line'), series('validation', 'validation', 'marked')].filter(
    ({ x }) => x.length > 0,
  );
  if (shown.length === 0) return;
  io.err.line(
    terminalPlot(shown, {
      title: 'loss (nats a token)',
      xLabel: 'step',
      width: Math.min(80, io.err.columns),
      height: 14,
      colors: io.err.colors,
    }),
  );
  await replaceFile(join(folder.folder, 'loss.svg'), [
    svgPlot(shown, { title: 'Loss', xLabel: 'step', yLabel: 'nats a token' }),
  ]);
  io.err.line(io.err.colors.dim(`${join(folder.folder, 'loss.svg')}, ${join(folder.folder, 'metrics.jsonl')}`));
}
