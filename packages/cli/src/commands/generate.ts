// `hippo generate`: text from a model: one as it is drawn, several or a whole file of prompts side by side, or a beam search.
import { beamSearch, generateTexts, modelFingerprint, openSession } from 'hippo';
import { type LoadedModel, loadState, saveState } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { writeBeamLines, writeBeams } from '../generation/beam-output.ts';
import { generationOptions } from '../generation/options.ts';
import { readPrompts } from '../generation/prompts.ts';
import {
  checkFlags,
  type DrawSettings,
  type GenerationSettings,
  type SearchSettings,
  settingsOf,
} from '../generation/settings.ts';
import { jsonTexts, orderedTexts, streamedText } from '../generation/text-output.ts';
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
    ...generationOptions,
    ...deviceOptions,
  },
  examples: [
    { line: 'hippo generate --model runs/first-light --prompt "ROMEO:" --temperature 0.8', help: 'continue a play' },
    { line: 'echo "To be" | hippo generate -m runs/first-light -p - -n 100 --greedy', help: 'prompt from stdin' },
    { line: 'hippo generate -m runs/first-light -p "ROMEO:" -N 4 --min-p 0.1 --stop "JULIET:"', help: 'four samples' },
    {
      line: 'hippo generate -m runs/first-light -p "ROMEO:" --save-state romeo.state',
      help: 'and --state romeo.state goes on from there, in any process',
    },
    {
      line: 'hippo generate -m runs/first-light --prompts plays.jsonl --beams 4 --json',
      help: 'search, for many prompts',
    },
  ],
});

interface Work {
  readonly loaded: LoadedModel;
  readonly prompts: readonly string[];
  readonly signal: AbortSignal;
  readonly json: boolean;
}

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  checkFlags(options);
  const prompts = await readPrompts(options, io);
  const signal = io.onInterrupt('stopping after this token');
  await using device = await openChosenDevice(options, io);
  const loaded = await loadChosenModel(options, device, io);
  const settings = settingsOf(options, loaded.generation, loaded.tokenizer.endOfText);
  for (const notice of settings.notices) io.err.line(`note: ${notice}`);
  const started = performance.now();
  const work: Work = { loaded, prompts, signal, json: options.json };
  const count = await write(settings, work, options, io);
  const rate = formatRate(count / ((performance.now() - started) / 1000), 'tokens');
  io.err.line(io.err.colors.dim(`${count} tokens, ${rate} with start-up`));
}

/** Writes what was asked for; returns how many tokens were drawn. */
function write(
  settings: GenerationSettings,
  work: Work,
  flags: ValuesOf<typeof command>,
  io: CommandIo,
): Promise<number> {
  if (settings.kind === 'search') return search(settings.options, work, io);
  if (flags.state === undefined && flags.saveState === undefined) return draw(settings.options, work, io);
  return continueState(flags, settings.options, work, io);
}

/** Draws one text on a session that begins with a saved state, or is saved at its end. */
async function continueState(
  { state: from, saveState: to }: Pick<ValuesOf<typeof command>, 'state' | 'saveState'>,
  settings: DrawSettings,
  work: Work,
  io: CommandIo,
): Promise<number> {
  const { model, store, tokenizer } = work.loaded;
  const owner = { fingerprint: () => modelFingerprint(model, store) };
  const begun = from === undefined ? undefined : await loadState(from, owner);
  const prompt = work.prompts.reduce((sum, text) => sum + tokenizer.encode(text).length, 0);
  const capacity = (begun?.position ?? 0) + prompt + settings.maxTokens;
  await using session = openSession(model, { store, capacity });
  if (begun) await session.load(begun);
  const count = await draw({ ...settings, session }, work, io);
  if (to !== undefined) {
    await saveState(to, await session.state());
    io.err.line(io.err.colors.dim(`${to}: the state after ${session.position} tokens`));
  }
  return count;
}

/** Draws texts and writes them; returns how many tokens were drawn. */
async function draw(settings: DrawSettings, { loaded, prompts, signal, json }: Work, io: CommandIo): Promise<number> {
  const { model, store, tokenizer } = loaded;
  const shape = { prompts, samples: settings.samples ?? 1, tokenizer };
  const several = prompts.length * shape.samples > 1;
  const show = (json ? jsonTexts : several ? orderedTexts : streamedText)(io.out, shape);
  const encoded = prompts.map((prompt) => tokenizer.encode(prompt));
  let count = 0;
  for await (const piece of generateTexts(model, { ...settings, store, tokenizer, prompts: encoded, signal })) {
    show(piece);
    if (piece.token && !piece.echo) count++;
  }
  return count;
}

async function search(
  settings: SearchSettings,
  { loaded, prompts, signal, json }: Work,
  io: CommandIo,
): Promise<number> {
  const { model, store, tokenizer } = loaded;
  let count = 0;
  for (const [promptIndex, prompt] of prompts.entries()) {
    const beams = await beamSearch(model, { ...settings, store, prompt: tokenizer.encode(prompt), signal });
    const place = { prompt, promptIndex, promptCount: prompts.length, tokenizer };
    if (json) writeBeamLines(io.out, beams, place);
    else writeBeams(io.out, beams, place);
    count += beams.reduce((sum, { tokens }) => sum + tokens.length, 0);
  }
  return count;
}
