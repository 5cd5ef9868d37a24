// `hippo generate`: text from a model, streamed to stdout as it is drawn.
import { readFile } from 'node:fs/promises';
import { generate, UsageError } from 'hippo';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { deviceOptions, openChosenDevice } from '../model/device-options.ts';
import { loadChosenModel, modelOptions } from '../model/model-options.ts';
import { formatRate } from '../report/format.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'generate',
  summary: 'Continue a prompt',
  description:
    'The prompt is read in chunks, then one token is drawn a step at constant memory. These are base models: they continue text, they do not answer.',
  positionals: {},
  options: {
    ...modelOptions,
    prompt: {
      type: 'string',
      short: 'p',
      help: 'text to continue; "-" reads stdin, "file:PATH" a file',
      defaultText: 'a line break',
    },
    maxTokens: {
      type: 'integer',
      min: 1,
      short: 'n',
      default: 400,
      aliases: ['max-new-tokens', 'genlen'],
      help: 'tokens to draw',
    },
    temperature: {
      type: 'number',
      min: 0,
      defaultText: 'from the model, else 0.8',
      help: 'divides the scores; 0 is greedy',
    },
    topK: {
      type: 'integer',
      min: 1,
      help: 'draw among the k likeliest tokens',
      defaultText: 'from the model, else all',
    },
    topP: {
      type: 'number',
      above: 0,
      max: 1,
      defaultText: 'from the model, else 1',
      help: 'draw among the likeliest tokens that make up this probability',
    },
    seed: { type: 'integer', short: 's', default: 0, help: 'the same seed gives the same text' },
    greedy: { type: 'boolean', help: 'always the likeliest token' },
    json: { type: 'boolean', help: 'one JSON line a token, then one with the whole text' },
    ...deviceOptions,
  },
  examples: [
    { line: 'hippo generate --model runs/first-light --prompt "ROMEO:" --temperature 0.8', help: 'continue a play' },
    { line: 'echo "To be" | hippo generate -m runs/first-light -p - -n 100 --greedy', help: 'prompt from stdin' },
  ],
});

async function readPrompt(prompt: string | undefined, io: CommandIo): Promise<string> {
  if (prompt === undefined) return '\n';
  if (prompt.startsWith('file:')) return readFile(prompt.slice('file:'.length), 'utf8');
  if (prompt !== '-') return prompt;
  const parts: string[] = [];
  for await (const chunk of io.input) parts.push(chunk.toString());
  return parts.join('');
}

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  const prompt = await readPrompt(options.prompt, io);
  if (prompt === '')
    throw new UsageError(
      'empty-prompt',
      'generate: the prompt is empty, and a model needs at least one token to go on from. Give --prompt some text.',
    );
  if (options.greedy && options.topK !== undefined)
    throw new UsageError('contradiction', 'generate: --greedy and --top-k contradict each other. Give one of them.');
  const signal = io.onInterrupt('stopping after this token');
  await using device = await openChosenDevice(options, io);
  const { model, store, tokenizer, sampling } = await loadChosenModel(options, device, io);
  const tokens = tokenizer.encode(prompt);
  const decoder = tokenizer.decoder();
  const started = performance.now();
  // A flag wins over the model's own generation_config.json, which wins over the default.
  const chosen = Object.fromEntries(
    Object.entries({ temperature: options.temperature, topK: options.topK, topP: options.topP }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  const greedy = options.greedy || (sampling.greedy === true && Object.keys(chosen).length === 0);
  const settings = { temperature: 0.8, ...sampling, ...chosen, seed: options.seed, greedy };
  const stopTokens = tokenizer.endOfText === undefined ? [] : [tokenizer.endOfText];
  if (!options.json) io.out.write(prompt);
  let text = '';
  let count = 0;
  const say = (piece: string, token?: { readonly token: number; readonly logProbability: number }): void => {
    text += piece;
    if (!options.json) io.out.write(piece);
    else if (token)
      io.out.line(JSON.stringify({ token: token.token, text: piece, logProbability: token.logProbability }));
  };
  for await (const token of generate(model, {
    store,
    prompt: tokens,
    maxTokens: options.maxTokens,
    stopTokens,
    ...settings,
  })) {
    say(decoder.push(token.token), token);
    count++;
    if (signal.aborted) break;
  }
  say(decoder.end());
  if (options.json) io.out.line(JSON.stringify({ prompt, text, tokens: count }));
  else io.out.line();
  io.err.line(
    io.err.colors.dim(
      `${count} tokens, ${formatRate(count / ((performance.now() - started) / 1000), 'tokens')} with start-up`,
    ),
  );
}
