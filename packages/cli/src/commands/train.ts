// `hippo train`: trains a language model on a text file.
import { readFile } from 'node:fs/promises';
import {
  characterTokenizer,
  DataError,
  type MixerKind,
  type ModelConfigInput,
  preset,
  presetNames,
  splitText,
  type Tokenizer,
  UsageError,
} from 'hippo';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { chooseTokenizer } from '../model/choose-tokenizer.ts';
import { deviceOptions, openChosenDevice } from '../model/device-options.ts';
import type { CommandIo } from '../terminal/io.ts';
import { reportSummary } from '../training/summary.ts';
import { trainText } from '../training/train-text.ts';

export const command = defineCommand({
  name: 'train',
  summary: 'Train a model on a text file',
  description:
    'The last tenth of the text is kept for validation. Ctrl-C finishes the step and saves; --resume goes on exactly where it stopped.',
  positionals: { text: { required: true, help: 'text file in UTF-8' } },
  options: {
    out: {
      type: 'string',
      short: 'o',
      required: true,
      placeholder: 'folder',
      help: 'run folder: metrics, plot, checkpoints',
    },
    resume: { type: 'boolean', help: 'go on from the newest checkpoint of the run folder' },
    tokenizer: {
      type: 'string',
      default: 'character',
      placeholder: 'name',
      help: 'character, byte, gpt2, or a folder that `hippo tokenizer train` wrote',
    },
    preset: {
      type: 'choice',
      choices: presetNames,
      help: 'a published size; overrides the options of the model below',
    },
    mixer: {
      type: 'choice',
      choices: ['h3', 's4d', 'gss', 'attention'] as const,
      default: 'h3',
      help: 'the kind of layers',
    },
    width: { type: 'integer', min: 1, default: 128, aliases: ['dmodel'], help: 'width of the residual stream' },
    layers: { type: 'integer', min: 1, default: 4, aliases: ['nlayer'], help: 'number of layers' },
    attnLayerIdx: {
      type: 'integers',
      min: 0,
      defaultText: '1; none with one layer',
      help: 'layers that are attention',
    },
    heads: { type: 'integer', min: 1, default: 4, aliases: ['nheads'], help: 'attention heads' },
    rotaryEmbDim: { type: 'integer', min: 0, default: 0, help: 'rotary entries of an attention head' },
    stateSize: { type: 'integer', min: 2, default: 64, help: 'state of H3 and S4D layers' },
    headDim: { type: 'integer', min: 1, default: 1, help: 'head dimension of H3' },
    dropout: { type: 'number', min: 0, max: 0.95, default: 0, help: 'dropout of embeddings and attention' },
    steps: { type: 'integer', min: 1, default: 1000, short: 'n', help: 'training steps' },
    batch: { type: 'integer', min: 1, default: 8, short: 'b', help: 'windows in a micro-batch' },
    accumulation: { type: 'integer', min: 1, default: 1, help: 'micro-batches a step' },
    length: { type: 'integer', min: 1, default: 128, help: 'tokens predicted in a window' },
    learningRate: { type: 'number', above: 0, default: 4e-3, aliases: ['lr'], help: 'highest learning rate' },
    schedule: {
      type: 'choice',
      choices: ['cosine', 'linear', 'constant'] as const,
      default: 'cosine',
      help: 'how the rate falls',
    },
    warmup: { type: 'integer', min: 0, help: 'warm-up steps', defaultText: '5% of the steps' },
    floor: { type: 'number', min: 0, max: 1, default: 0.1, help: 'lowest rate as a share of the highest' },
    weightDecay: { type: 'number', min: 0, default: 0.1, help: 'decay of matrices' },
    beta2: { type: 'number', above: 0, max: 0.99999, default: 0.99, help: "AdamW's second moment" },
    clip: { type: 'number', min: 0, default: 1, help: 'largest gradient norm; 0 is no limit' },
    recompute: { type: 'boolean', help: 'less memory: layers are computed again in the backward pass' },
    seed: { type: 'integer', min: 0, default: 0, help: 'weights, batches and dropout follow from it' },
    validateEvery: { type: 'integer', min: 0, default: 250, help: 'steps between validations; 0 only at the end' },
    saveEvery: { type: 'integer', min: 0, default: 250, help: 'steps between checkpoints; 0 only at the end' },
    keepLast: { type: 'integer', min: 1, default: 2, help: 'checkpoints to keep besides the best' },
    json: { type: 'boolean', help: 'print the summary as one JSON document' },
    ...deviceOptions,
  },
  examples: [
    { line: 'hippo train book.txt --out runs/book', help: 'a small hybrid H3 character model' },
    { line: 'hippo train book.txt --out runs/book --resume', help: 'go on after Ctrl-C' },
    {
      line: 'hippo train book.txt --out runs/s4d --mixer s4d --attn-layer-idx none --tokenizer byte',
      help: 'a rival, on bytes',
    },
  ],
});

type Options = ValuesOf<typeof command>;

export async function run(options: Options, io: CommandIo): Promise<number | undefined> {
  const text = await readText(options.text);
  const tokenizer = await chooseTokenizer(options.tokenizer, {
    who: command.name,
    documents: true,
    more: { character: () => characterTokenizer(text) },
  });
  const { training, validation } = splitText(text);
  await using device = await openChosenDevice(options, io);
  const summary = await trainText(
    {
      device,
      tokenizer,
      training,
      validation,
      config: modelConfig(options, tokenizer),
      validationLength: options.length,
      out: options.out,
      resume: options.resume,
      keepLast: options.keepLast,
      source: { characters: text.length },
      options: {
        steps: options.steps,
        batch: options.batch,
        length: options.length,
        accumulation: options.accumulation,
        clip: options.clip,
        seed: options.seed,
        recompute: options.recompute,
        validateEvery: options.validateEvery,
        saveEvery: options.saveEvery,
        schedule: {
          kind: options.schedule,
          peak: options.learningRate,
          warmupSteps: options.warmup ?? Math.round(options.steps * 0.05),
          decaySteps: options.steps,
          floor: options.floor,
        },
        optimizer: { weightDecay: options.weightDecay, beta2: options.beta2 },
      },
    },
    io,
  );
  reportSummary(summary, { io, json: options.json });
  return summary.interrupted ? 130 : undefined;
}

/** @throws DataError for a file that cannot be read or is empty. */
export async function readText(path: string, who = command.name): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new DataError(
      'unreadable-text',
      `${who}: ${path} cannot be read; got ${cause.message}. Give a text file.`,
      { file: path },
      { cause },
    );
  });
  if (text === '')
    throw new DataError('empty-text', `${who}: ${path} is empty. Give a text with something in it.`, { file: path });
  return text;
}

function modelConfig(options: Options, tokenizer: Tokenizer): ModelConfigInput {
  if (options.preset) {
    const config = preset(options.preset);
    if (tokenizer.vocabularySize > config.vocab_size)
      throw new UsageError(
        'vocabulary',
        `train: the preset has ${config.vocab_size} tokens and the tokenizer ${tokenizer.vocabularySize}.`,
      );
    return config;
  }
  const mixer: MixerKind = options.mixer;
  return {
    vocab_size: tokenizer.vocabularySize,
    d_model: options.width,
    n_layer: options.layers,
    mixer,
    attn_layer_idx: mixer === 'attention' ? [] : (options.attnLayerIdx ?? (options.layers > 1 ? [1] : [])),
    num_heads: options.heads,
    rotary_emb_dim: options.rotaryEmbDim,
    d_state: options.stateSize,
    head_dim: options.headDim,
    embed_dropout: options.dropout,
    attn_dropout: options.dropout,
    ...(mixer === 'attention' && options.rotaryEmbDim === 0 && { max_position_embeddings: options.length }),
  };
}
