// `hippo info`: what a model is made of, from its config alone: no weights are read.
import { existsSync } from 'node:fs';
import { countParameters, languageModel, layerKinds, parameterCount, preset, presetNames } from 'hippo';
import { readModelConfig } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { formatBytes, formatCount } from '../report/format.ts';
import { alignTable } from '../report/table.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'info',
  summary: 'Layers, parameters and state size of a model',
  positionals: { model: { required: true, help: `model or run folder, or a preset: ${presetNames.join(', ')}` } },
  options: {
    context: { type: 'integer', min: 1, default: 2048, help: 'tokens the attention cache should hold' },
    json: { type: 'boolean', help: 'print one JSON document' },
  },
  examples: [
    { line: 'hippo info runs/first-light', help: 'what was trained' },
    { line: 'hippo info h3-125m --json', help: 'a preset, for a program' },
  ],
});

export async function run({ model: name, context, json }: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  const config = existsSync(name) ? await readModelConfig(name) : preset(name);
  const model = languageModel(config);
  // Words of quantised weights are no parameters: those are counted in the f32 model.
  const count = parameterCount(config.quantization ? languageModel({ ...config, quantization: undefined }) : model);
  const weightBytes = 4 * countParameters(model.variables);
  const storage = config.quantization ? `with weights of ${config.quantization.bits} bits` : 'in f32';
  const bytes = (capacity: number): number =>
    4 * model.stateShapes(1, capacity).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  // The attention cache grows with its capacity, the recurrent state does not.
  const perToken = bytes(2) - bytes(1);
  const stateBytes = bytes(1) - perToken;
  const kinds = layerKinds(config);
  const facts = {
    layers: kinds,
    width: config.d_model,
    vocabulary: config.vocab_size,
    paddedVocabulary: model.paddedVocabularySize,
    parameters: count,
    parameterBytes: weightBytes,
    ...(config.quantization && { quantization: config.quantization }),
    recurrentStateBytes: stateBytes,
    attentionCacheBytes: perToken * context,
    attentionCacheTokens: context,
  };
  if (json) return io.out.line(JSON.stringify(facts));
  const rows = [
    ['layers', `${kinds.length}: ${kinds.join(' ')}`],
    [
      'width',
      `${config.d_model}, inner ${config.d_inner}, ${config.num_heads} attention head${config.num_heads === 1 ? '' : 's'}`,
    ],
    ['vocabulary', `${config.vocab_size}, padded to ${model.paddedVocabularySize}`],
    [
      'parameters',
      `${count.total.toLocaleString('en-US')} (${formatCount(count.total)}, ${formatBytes(weightBytes)} ${storage})`,
    ],
    ...Object.entries(count)
      .filter(([part]) => part !== 'total')
      .map(([part, size]) => [`  ${part}`, size.toLocaleString('en-US')]),
    ['recurrent state', `${formatBytes(stateBytes)} a sequence, whatever its length`],
    [
      'attention cache',
      perToken === 0
        ? 'none'
        : `${formatBytes(perToken * context)} a sequence of ${context.toLocaleString('en-US')} tokens`,
    ],
  ];
  io.out.line(alignTable(rows));
}
