// The options of every command that reads a model: where it is, its tokenizer, and what a bare file of weights cannot tell. The
// flags of the official H3 script (`--ckpt --dmodel --nlayer --attn-layer-idx --nheads --rotary_emb_dim`) mean here what they mean
// there, so that its command lines work; sizes that the tensors tell are checked against them.
import type { ConfigOverrides, Device } from 'hippo';
import { type CheckpointOrigin, type LoadedModel, loadModel } from 'hippo/node';
import type { CommandIo } from '../terminal/io.ts';

export const architectureOptions = {
  dmodel: { type: 'integer', min: 1, aliases: ['width'], help: 'width, checked against the tensors' },
  nlayer: { type: 'integer', min: 1, aliases: ['layers'], help: 'number of layers, checked against the tensors' },
  attnLayerIdx: { type: 'integers', min: 0, help: 'attention layers from 0, checked against the tensors' },
  nheads: {
    type: 'integer',
    min: 1,
    aliases: ['heads'],
    help: 'attention heads',
    defaultText: 'from the checkpoint, or a released model of these sizes',
  },
  rotaryEmbDim: {
    type: 'integer',
    min: 0,
    help: 'rotary entries of an attention head',
    defaultText: 'from the checkpoint, or a released model of these sizes, else 0',
  },
  vocabSize: {
    type: 'integer',
    min: 1,
    help: 'tokens among the rows of the embedding table',
    defaultText: "from the checkpoint, else GPT-2's or all rows",
  },
} as const;

export const tokenizerOption = {
  tokenizer: {
    type: 'string',
    placeholder: 'name',
    help: 'gpt2, byte, or a folder with tokenizer files',
    defaultText: "the checkpoint's, else GPT-2's for its 50,257 tokens",
  },
} as const;

/** Spread these into a command that takes its model by `--model`. */
export const modelOptions = {
  model: {
    type: 'string',
    short: 'm',
    required: true,
    aliases: ['ckpt'],
    placeholder: 'path',
    help: 'model or run folder, or a file of weights (.safetensors, .pt, .ckpt, .bin)',
  },
  ...tokenizerOption,
  ...architectureOptions,
} as const;

export interface ArchitectureChoice {
  readonly dmodel: number | undefined;
  readonly nlayer: number | undefined;
  readonly attnLayerIdx: readonly number[] | undefined;
  readonly nheads: number | undefined;
  readonly rotaryEmbDim: number | undefined;
  readonly vocabSize: number | undefined;
}

export interface ModelChoice extends ArchitectureChoice {
  readonly model: string;
  readonly tokenizer: string | undefined;
}

/** The flags by the names of the configuration. */
export function overridesOf(choice: ArchitectureChoice): ConfigOverrides {
  const named = {
    d_model: choice.dmodel,
    n_layer: choice.nlayer,
    attn_layer_idx: choice.attnLayerIdx,
    num_heads: choice.nheads,
    rotary_emb_dim: choice.rotaryEmbDim,
    vocab_size: choice.vocabSize,
  };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

/** Loads the chosen model, and says on stderr what its file did not say. */
export async function loadChosenModel(choice: ModelChoice, device: Device, io: CommandIo): Promise<LoadedModel> {
  const { model, tokenizer } = choice;
  const loaded = await loadModel(model, { device, overrides: overridesOf(choice), tokenizer });
  sayOrigin(loaded.origin, io);
  return loaded;
}

/** One line for a checkpoint without a config.json, and one for each setting that is from elsewhere than its tensors. */
export function sayOrigin({ config, format, naming, settings }: CheckpointOrigin, io: CommandIo): void {
  if (config === 'config.json') return;
  io.err.line(io.err.colors.dim(`${format} file with the names of ${naming}; sizes from its tensors`));
  for (const { key, value, from } of settings) io.err.line(io.err.colors.dim(`  ${key} ${String(value)}: ${from}`));
}
