// `hippo convert`: any checkpoint becomes a model folder, with a configuration, in safetensors, in the memory of one part.

import { countParameters } from 'hippo';
import { type Conversion, convertModel } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { parseByteSize } from '../model/byte-size.ts';
import { architectureOptions, overridesOf, sayOrigin, tokenizerOption } from '../model/model-options.ts';
import { openProgress } from '../progress/progress-line.ts';
import { formatCount, formatDuration } from '../report/format.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'convert',
  summary: 'Write any checkpoint as a model folder',
  description:
    'Reads PyTorch and safetensors files of H3 and GPT-2 models, with older names too, and writes config.json, model.safetensors and the tokenizer. One tensor is read at a time, so that a model larger than the memory is converted too. An older model in the new folder is replaced as a whole.',
  positionals: {
    from: { required: true, help: 'a file of weights, or a model or run folder' },
    to: { required: true, help: 'the new model folder' },
  },
  options: {
    dtype: {
      type: 'choice',
      choices: ['f32', 'f16', 'bf16'] as const,
      default: 'f32',
      help: "how floats are stored; the state spaces' own parameters stay f32",
    },
    shardSize: { type: 'string', default: '5GB', placeholder: 'size', help: 'most bytes of one file' },
    json: { type: 'boolean', help: 'print one JSON document' },
    ...tokenizerOption,
    ...architectureOptions,
  },
  examples: [
    { line: 'hippo convert H3-125M/model.pt h3-125m --dtype bf16', help: 'a released model, recognised by its sizes' },
    { line: 'hippo convert last.ckpt mine --nheads 8', help: 'a model of your own' },
  ],
});

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  const shardBytes = parseByteSize(options.shardSize, 'convert, --shard-size');
  const started = performance.now();
  const progress = openProgress(io.err);
  const { origin, model, hasTokenizer } = await convertModel(options.from, options.to, {
    overrides: overridesOf(options),
    floats: options.dtype,
    shardBytes,
    tokenizer: options.tokenizer,
    onTensor: (name, done, total) => progress.update(() => `tensor ${done + 1} of ${total}: ${name}`),
  });
  progress.finish();
  sayOrigin(origin, io);
  report({ origin, model, hasTokenizer }, options, io);
  io.err.line(io.err.colors.dim(formatDuration((performance.now() - started) / 1000)));
}

function report(
  { origin, model, hasTokenizer }: Conversion,
  { to, dtype, json }: ValuesOf<typeof command>,
  io: CommandIo,
): void {
  const parameters = countParameters(model.variables);
  if (json) {
    io.out.line(JSON.stringify({ folder: to, parameters, dtype, tokenizer: hasTokenizer, origin }));
    return;
  }
  io.out.line(`${to}: ${formatCount(parameters)} parameters as ${dtype}`);
  for (const { name, reason } of origin.ignored) io.err.line(`left out ${name}: ${reason}`);
  if (!hasTokenizer)
    io.err.line(
      'without a tokenizer: the model takes token ids. Add one with --tokenizer, or name it when text is needed.',
    );
}
