// Flags and a model's own generation_config.json → what the library is asked to do. A flag wins over the model, which wins over the
// default; a flag for drawing also switches off that the model would rather be greedy or search, and the other way round.
import { type BeamSearchOptions, type GenerateTextsOptions, type SamplingOptions, UsageError } from 'hippo';
import type { GenerationDefaults } from 'hippo/node';
import type { OptionTable, Values } from '../arguments/option-table.ts';
import type { generationOptions } from './options.ts';

export type GenerationFlags = Values<typeof generationOptions & OptionTable, Record<never, never>>;

/** What goes beside model, prompts and signal. */
export type GenerationSettings =
  | { readonly kind: 'draw'; readonly options: DrawSettings; readonly notices: readonly string[] }
  | { readonly kind: 'search'; readonly options: SearchSettings; readonly notices: readonly string[] };

export type DrawSettings = Omit<GenerateTextsOptions, 'store' | 'tokenizer' | 'prompts' | 'signal'>;
export type SearchSettings = Omit<BeamSearchOptions, 'store' | 'prompt' | 'signal'>;

const drawingNames = ['temperature', 'topK', 'topP', 'minP'] as const;

/** Keeps the values that are there. */
function given<T extends object>(values: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  // Dropping undefined values is what the type says; Object.fromEntries cannot know.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** @throws UsageError `contradiction` for flags that cannot go together; costs nothing, so it comes before the model is loaded. */
export function checkFlags(flags: GenerationFlags): void {
  const { greedy, temperature, topK, topP, minP, numSamples = 1, beams = 1, prompt, prompts } = flags;
  const drawing = { '--temperature': temperature, '--top-k': topK, '--top-p': topP, '--min-p': minP };
  const isGreedy = '--greedy takes the likeliest token, always';
  if (greedy) refuseGiven('--greedy', drawing, isGreedy);
  if (greedy && beams === 1 && numSamples > 1)
    refuse('--greedy', '--num-samples', `${isGreedy}, so all samples would be the same`);
  if (beams > 1) {
    const others = { '--seed': flags.seed, '--greedy': greedy || undefined };
    refuseGiven('--beams', { ...drawing, ...others }, 'a beam search draws no random tokens');
    const streamed = { '--stop': flags.stop, '--logprobs': flags.logprobs, '--echo': flags.echo || undefined };
    refuseGiven('--beams', streamed, 'a beam search knows whole texts only at its end');
  }
  if (flags.beams === 1) {
    const search = { '--length-penalty': flags.lengthPenalty, '--early-stopping': flags.earlyStopping || undefined };
    refuseGiven('--beams 1', search, 'one beam is no search');
  }
  const continued = flags.state !== undefined ? '--state' : flags.saveState !== undefined ? '--save-state' : undefined;
  if (continued) {
    const several = {
      '--prompts': prompts,
      '--num-samples': numSamples > 1 || undefined,
      '--beams': beams > 1 || undefined,
    };
    refuseGiven(continued, { ...several, '--echo': flags.echo || undefined }, 'a state belongs to one text');
  }
  if (prompt !== undefined && prompts !== undefined) refuse('--prompt', '--prompts', 'both say what to continue');
  if (flags.logprobs !== undefined && !flags.json)
    throw new UsageError(
      'contradiction',
      'generate: --logprobs needs --json: plain text has no place for them. Add it.',
    );
}

function refuseGiven(name: string, others: Readonly<Record<string, unknown>>, why: string): void {
  const other = Object.entries(others).find(([, value]) => value !== undefined);
  if (other) refuse(name, other[0], why);
}

function refuse(first: string, second: string, why: string): never {
  throw new UsageError(
    'contradiction',
    `generate: ${first} and ${second} contradict each other: ${why}. Give one of them.`,
    {
      options: [first, second],
    },
  );
}

/** @param endOfText the tokenizer's end of text, where it has one. */
export function settingsOf(
  flags: GenerationFlags,
  model: GenerationDefaults,
  endOfText: number | undefined,
): GenerationSettings {
  const drawing = given({ temperature: flags.temperature, topK: flags.topK, topP: flags.topP, minP: flags.minP });
  const { seed, stop, logprobs } = flags;
  const onlyDraws = [
    ...Object.values(drawing),
    seed,
    stop,
    logprobs,
    flags.greedy || undefined,
    flags.echo || undefined,
    flags.state,
    flags.saveState,
  ];
  const wantsDraws = onlyDraws.some((value) => value !== undefined);
  const beams = flags.beams ?? (wantsDraws ? 1 : (model.beams ?? 1));
  const { lengthPenalty, earlyStopping } = flags;
  if (beams > 1) return search(flags, model, { beams, ends: endsOf(flags, model, endOfText) });
  if (lengthPenalty !== undefined || earlyStopping)
    throw new UsageError(
      'contradiction',
      `generate: ${earlyStopping ? '--early-stopping' : '--length-penalty'} is for a beam search. Add --beams.`,
    );
  return draw(flags, model, { drawing, ends: endsOf(flags, model, endOfText) });
}

/** Where texts end, for draws and searches alike. */
function endsOf(flags: GenerationFlags, model: GenerationDefaults, endOfText: number | undefined) {
  const eos = flags.ignoreEos ? [] : [...(endOfText === undefined ? [] : [endOfText]), ...(model.stopTokens ?? [])];
  return {
    maxTokens: flags.maxTokens ?? model.maxTokens ?? 400,
    minTokens: flags.minTokens ?? model.minTokens ?? 0,
    stopTokens: [...new Set([...eos, ...(flags.stopTokens ?? [])])],
  };
}

type Ends = ReturnType<typeof endsOf>;

function penaltiesOf(flags: GenerationFlags, { sampling }: GenerationDefaults) {
  return given({
    logitBias: flags.logitBias && parseLogitBias(flags.logitBias),
    repetitionPenalty: flags.repetitionPenalty ?? sampling.repetitionPenalty,
    frequencyPenalty: flags.frequencyPenalty ?? sampling.frequencyPenalty,
    presencePenalty: flags.presencePenalty ?? sampling.presencePenalty,
  });
}

function draw(
  flags: GenerationFlags,
  model: GenerationDefaults,
  { drawing, ends }: { readonly drawing: SamplingOptions; readonly ends: Ends },
): GenerationSettings {
  const { sampling } = model;
  const random = Object.keys(drawing).length > 0 || (flags.numSamples ?? 1) > 1;
  const greedy = flags.greedy || (sampling.greedy === true && !random);
  const own = given(Object.fromEntries(drawingNames.map((name) => [name, sampling[name]])));
  const choice: SamplingOptions = greedy ? { greedy } : { temperature: 0.8, ...own, ...drawing };
  const single = greedy || choice.temperature === 0 || choice.topK === 1;
  const stopStrings = flags.stop ?? model.stopStrings;
  return {
    kind: 'draw',
    options: {
      ...ends,
      ...choice,
      ...penaltiesOf(flags, model),
      ...given({ stopStrings, seed: flags.seed, logprobs: flags.logprobs }),
      // The numbers beside the prompt's tokens are what --echo is for in JSON, even where no alternatives are asked for.
      ...(flags.json && flags.echo && { echo: true, logprobs: flags.logprobs ?? 0 }),
      samples:
        flags.numSamples ??
        (single || flags.state !== undefined || flags.saveState !== undefined ? 1 : (model.samples ?? 1)),
      batch: flags.batch,
    },
    notices: model.notices,
  };
}

function search(
  flags: GenerationFlags,
  model: GenerationDefaults,
  { beams, ends }: { readonly beams: number; readonly ends: Ends },
): GenerationSettings {
  const unused = drawingNames.filter((name) => model.sampling[name] !== undefined);
  const unusedNotice = `a beam search draws no random tokens; of the model's settings it does not use ${unused.join(', ')}`;
  const stopNotice = "a beam search ends at stop tokens only; it does not use the model's stop strings";
  return {
    kind: 'search',
    options: {
      ...ends,
      ...penaltiesOf(flags, model),
      beams,
      best: flags.numSamples ?? Math.min(beams, model.samples ?? 1),
      lengthPenalty: flags.lengthPenalty ?? model.lengthPenalty ?? 1,
      earlyStopping: flags.earlyStopping || (model.earlyStopping ?? false),
    },
    notices: [
      ...model.notices,
      ...(unused.length > 0 ? [unusedNotice] : []),
      ...(model.stopStrings ? [stopNotice] : []),
    ],
  };
}

/** @throws UsageError `option-value` for a word that is not `id=value`, or an id given twice. */
export function parseLogitBias(words: readonly string[]): Readonly<Record<number, number>> {
  const found = new Map<number, number>();
  for (const word of words) {
    const [, id, value] = /^(\d+)=([+-]?(?:\d+\.?\d*|\.\d+))$/.exec(word) ?? [];
    if (id === undefined || value === undefined || found.has(Number(id)))
      throw new UsageError(
        'option-value',
        `generate, --logit-bias: must be a token id and a number like 50256=-100, each id once; got ${JSON.stringify(word)}.`,
        { value: word },
      );
    found.set(Number(id), Number(value));
  }
  return Object.fromEntries(found);
}
