// `hippo info`: what a model is made of. Of a checkpoint it reads headers alone, no weights.
import { existsSync } from 'node:fs';
import { CheckpointError, type ConfigOverrides, type LanguageModel, languageModel, preset, presetNames } from 'hippo';
import { type CheckpointOrigin, openCheckpoint, resolveModelPath } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { factsOf, formatLayers, type ModelFacts } from '../model/model-facts.ts';
import { architectureOptions, overridesOf } from '../model/model-options.ts';
import { formatBytes, formatCount } from '../report/format.ts';
import { alignTable } from '../report/table.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'info',
  summary: 'Layers, parameters and state size of a model',
  positionals: {
    model: {
      required: true,
      help: `model or run folder, file of weights, or a preset: ${presetNames.join(', ')}`,
    },
  },
  options: {
    context: { type: 'integer', min: 1, default: 2048, help: 'tokens the attention cache should hold' },
    json: { type: 'boolean', help: 'print one JSON document' },
    ...architectureOptions,
  },
  examples: [
    { line: 'hippo info runs/first-light', help: 'what was trained' },
    { line: 'hippo info H3-125M/model.pt', help: 'a file of weights: what it holds, and what it does not say' },
    { line: 'hippo info h3-125m --json', help: 'a preset, for a program' },
  ],
});

type Options = ValuesOf<typeof command>;

interface Described {
  readonly model: LanguageModel;
  readonly origin?: CheckpointOrigin;
}

async function describe(options: Options): Promise<Described> {
  const overrides = overridesOf(options);
  if (!existsSync(await resolveModelPath(options.model)))
    return { model: languageModel({ ...preset(options.model), ...overrides }) };
  try {
    return await describeCheckpoint(options.model, overrides);
  } catch (error) {
    if (!(error instanceof CheckpointError && error.code === 'unknown-heads')) throw error;
    // No figure here depends on the number of heads, so that a file can be looked at before it is known.
    const { model, origin } = await describeCheckpoint(options.model, { ...overrides, num_heads: 1 });
    const settings = origin.settings.map((setting) =>
      setting.key === 'num_heads' ? { ...setting, value: 'unknown', from: 'to be given by --nheads' } : setting,
    );
    return { model, origin: { ...origin, settings } };
  }
}

async function describeCheckpoint(path: string, overrides: ConfigOverrides): Promise<Required<Described>> {
  await using checkpoint = await openCheckpoint(path, { overrides, headersOnly: true });
  return { model: checkpoint.model, origin: checkpoint.origin };
}

export async function run(options: Options, io: CommandIo): Promise<void> {
  const { model, origin } = await describe(options);
  const facts = factsOf(model, options.context);
  if (options.json) return io.out.line(JSON.stringify({ ...facts, ...(origin && { origin }) }));
  const headsKnown = !origin?.settings.some(({ value }) => value === 'unknown');
  const rows = [...modelRows(facts, model, headsKnown), ...memoryRows(facts), ...(origin ? originRows(origin) : [])];
  io.out.line(alignTable(rows));
}

function modelRows(
  { kinds, layers, parameters: count, ...facts }: ModelFacts,
  { config }: LanguageModel,
  headsKnown: boolean,
): string[][] {
  const heads =
    headsKnown && kinds.some(({ kind }) => kind === 'attention')
      ? `, ${config.num_heads} attention head${config.num_heads === 1 ? '' : 's'}`
      : '';
  const parts = { embeddings: count.embeddings, mixers: count.mixers, mlps: count.mlps, rest: count.rest };
  return [
    ['layers', String(layers.length)],
    ...kinds.map(({ kind, layers: own, parameters }) => [
      `  ${kind}`,
      `${own.length} of ${formatCount(parameters)} parameters: ${formatLayers(own)}`,
    ]),
    ['width', `${facts.width}, inner ${config.d_inner}${heads}`],
    ['vocabulary', `${facts.vocabulary}, padded to ${facts.paddedVocabulary}`],
    [
      'positions',
      config.max_position_embeddings > 0
        ? `learned, ${config.max_position_embeddings}`
        : config.rotary_emb_dim > 0
          ? `rotary, ${config.rotary_emb_dim} entries a head`
          : 'none',
    ],
    [
      'parameters',
      `${count.total.toLocaleString('en-US')} (${formatCount(count.total)}, ${formatBytes(facts.parameterBytes)} ${facts.quantization ? `with weights of ${facts.quantization.bits} bits` : 'in f32'})`,
    ],
    ...Object.entries(parts).map(([part, size]) => [`  ${part}`, size.toLocaleString('en-US')]),
  ];
}

function memoryRows({ recurrentStateBytes, attentionCache }: ModelFacts): string[][] {
  const state = ['recurrent state', `${formatBytes(recurrentStateBytes)} a sequence, whatever its length`];
  if (attentionCache.every(({ bytes }) => bytes === 0)) return [state, ['attention cache', 'none']];
  return [
    state,
    ['attention cache', 'of one sequence'],
    ...attentionCache.map(({ tokens, bytes }) => [`  ${tokens.toLocaleString('en-US')} tokens`, formatBytes(bytes)]),
  ];
}

function originRows({ file, format, naming, config, dtypes, settings, ignored }: CheckpointOrigin): string[][] {
  const stored = Object.entries(dtypes).map(([dtype, count]) => `${formatCount(count)} as ${dtype}`);
  return [
    ['weights', file],
    ['  format', `${format}, names of ${naming}, configuration from ${config === 'tensors' ? 'the tensors' : config}`],
    ['  stored', stored.join(', ')],
    ...settings.map(({ key, value, from }) => [`  ${key}`, `${String(value)}: ${from}`]),
    ...ignored.map(({ name, reason }) => ['  left out', `${name}: ${reason}`]),
  ];
}
