// `hippo quantize`: a model folder with weights of 8 or 4 bits from one with f32 weights, and what that costs on a text.
import { readFile } from 'node:fs/promises';
import { DataError, type Device, type QuantizationReport, quantizationReport, UsageError } from 'hippo';
import { loadModel, quantizeFolder } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { deviceOptions, openChosenDevice } from '../model/device-options.ts';
import { architectureOptions, overridesOf, tokenizerOption } from '../model/model-options.ts';
import { openProgress } from '../progress/progress-line.ts';
import { formatBytes, formatPercent } from '../report/format.ts';
import { alignTable } from '../report/table.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'quantize',
  summary: 'Weights of 8 or 4 bits, for faster generation in less memory',
  description:
    'Matrices of linear layers, embeddings and the head become integers with scales; all else stays f32. At 8 bits a row has one scale, at 4 bits every 32 neighbouring inputs. The new folder is a model folder like any other, except that it cannot be trained.',
  positionals: {
    from: { required: true, help: 'a model or run folder, or a file of weights' },
    to: { required: true, help: 'folder to write' },
  },
  options: {
    bits: { type: 'choice', choices: ['8', '4'], required: true, help: 'bits of a weight' },
    'group-size': { type: 'integer', min: 1, defaultText: '32 at 4 bits', help: 'inputs that share a scale at 4 bits' },
    report: { type: 'boolean', help: 'compare both models on --text' },
    text: { type: 'string', placeholder: 'file', help: 'text file for --report' },
    window: { type: 'integer', min: 1, default: 256, help: 'tokens of a window of the report' },
    json: { type: 'boolean', help: 'print one JSON document' },
    ...tokenizerOption,
    ...architectureOptions,
    ...deviceOptions,
  },
  examples: [
    { line: 'hippo quantize runs/first-light models/small --bits 4', help: 'a seventh of the bytes' },
    { line: 'hippo quantize models/big models/b8 --bits 8 --report --text play.txt', help: 'and what it costs' },
  ],
});

type Options = ValuesOf<typeof command>;

export async function run(options: Options, io: CommandIo): Promise<void> {
  const { from, to, report, text, json } = options;
  checkOptions(options);
  // Read first: a text that is not there should not be found after the work.
  const content = report ? await readText(text ?? '') : undefined;
  const bits = options.bits === '8' ? 8 : 4;
  const progress = openProgress(io.err);
  const written = await quantizeFolder(from, to, {
    bits,
    overrides: overridesOf(options),
    tokenizer: options.tokenizer,
    onTensor: (done, total) => progress.update(() => `quantised ${formatPercent(done / total)}`),
  });
  progress.finish();
  const compared = content === undefined ? undefined : await compare(options, content, io);
  if (json) return io.out.line(JSON.stringify({ bits, ...written, ...(compared && { report: compared }) }));
  const ratio = written.bytesBefore / written.bytesAfter;
  io.out.line(
    `${to}: ${written.tensors} tensors, ${formatBytes(written.bytesBefore)} → ${formatBytes(written.bytesAfter)}, ${ratio.toFixed(2)} times smaller`,
  );
  if (compared) io.out.line(reportTable(compared));
}

function checkOptions({ bits, 'group-size': groupSize, report, text }: Options): void {
  const fail = (code: string, sentence: string): never => {
    throw new UsageError(code, `quantize: ${sentence}`);
  };
  if (groupSize !== undefined && (bits === '8' || groupSize !== 32))
    fail(
      'group-size',
      `--group-size is 32, and only for --bits 4; got ${groupSize} with --bits ${bits}. Leave it out.`,
    );
  if (report && text === undefined) fail('missing-text', '--report compares on a text; got none. Give --text FILE.');
  if (!report && text !== undefined) fail('unused-text', '--text is read by --report only; got no --report. Add it.');
}

async function readText(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((cause: Error) => {
    throw new DataError(
      'unreadable-text',
      `quantize: ${file} cannot be read; got ${cause.message}.`,
      { file },
      { cause },
    );
  });
}

async function compare(options: Options, text: string, io: CommandIo): Promise<QuantizationReport> {
  const { from, to, window, tokenizer } = options;
  await using device: Device = await openChosenDevice(options, io);
  const float = await loadModel(from, { device, overrides: overridesOf(options), tokenizer });
  const quantized = await loadModel(to, { device });
  return await quantizationReport(float, quantized, float.tokenizer.encode(text), { window });
}

function reportTable({ logits, float, quantized, perplexityDifference }: QuantizationReport): string {
  return alignTable([
    [
      'logits',
      `largest difference ${logits.largest.toPrecision(3)}, RMS ${logits.rms.toPrecision(3)}, of a spread of ${logits.spread.toPrecision(3)}, ${logits.positions} positions`,
    ],
    ['perplexity, f32', `${float.perplexity.toFixed(4)} on ${float.tokens} tokens`],
    [
      'perplexity, quantised',
      `${quantized.perplexity.toFixed(4)}, ${perplexityDifference >= 0 ? '+' : '−'}${Math.abs(perplexityDifference).toFixed(4)}`,
    ],
  ]);
}
