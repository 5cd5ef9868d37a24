// The options of `hippo generate`: what to continue, how tokens are chosen, where texts end, and what is written.

const fromModel = 'from the model, else';

/** What is continued. */
const promptOptions = {
  prompt: {
    type: 'string',
    short: 'p',
    help: 'text to continue; "-" reads stdin, "file:PATH" a file',
    defaultText: 'a line break',
  },
  prompts: {
    type: 'string',
    placeholder: 'file',
    help: 'many prompts: one a line, or in a .jsonl file a text or {"prompt": …} a line; "-" reads lines from stdin; empty lines are skipped',
  },
  numSamples: {
    type: 'integer',
    min: 1,
    short: 'N',
    aliases: ['num-return-sequences'],
    help: 'texts for each prompt',
    defaultText: `${fromModel} 1`,
  },
  state: {
    type: 'string',
    placeholder: 'file',
    help: 'go on from a saved state: what it has read is not read again; --prompt may add to it',
  },
  saveState: { type: 'string', placeholder: 'file', help: 'save the state after the text, to go on from it later' },
  batch: { type: 'integer', min: 1, default: 8, aliases: ['batch-size'], help: 'texts written side by side at most' },
} as const;

/** How a token is chosen: in the order in which the options act. */
const samplingOptions = {
  logitBias: {
    type: 'strings',
    placeholder: 'id=value',
    help: 'added to the score of a token; -100 bans it, 100 allows no other',
  },
  repetitionPenalty: {
    type: 'number',
    above: 0,
    aliases: ['repeat-penalty'],
    help: 'divides the scores of tokens of prompt and output (multiplies negative ones)',
    defaultText: `${fromModel} 1`,
  },
  frequencyPenalty: {
    type: 'number',
    min: -2,
    max: 2,
    help: 'taken from the score of a token for each time it was drawn',
    defaultText: `${fromModel} 0`,
  },
  presencePenalty: {
    type: 'number',
    min: -2,
    max: 2,
    help: 'taken from the score of a token that was drawn',
    defaultText: `${fromModel} 0`,
  },
  temperature: {
    type: 'number',
    min: 0,
    aliases: ['temp'],
    defaultText: `${fromModel} 0.8`,
    help: 'divides the scores; 0 is greedy',
  },
  topK: {
    type: 'integer',
    min: 1,
    help: 'draw among the k likeliest tokens',
    defaultText: `${fromModel} all`,
  },
  topP: {
    type: 'number',
    above: 0,
    max: 1,
    defaultText: `${fromModel} 1`,
    help: 'draw among the likeliest tokens that make up this probability',
  },
  minP: {
    type: 'number',
    min: 0,
    max: 1,
    defaultText: `${fromModel} 0`,
    help: 'draw among tokens at least this many times as likely as the likeliest',
  },
  seed: { type: 'integer', short: 's', help: 'the same seed gives the same text', defaultText: '0' },
  greedy: { type: 'boolean', help: 'always the likeliest token' },
} as const;

/** Beams instead of draws. */
const beamOptions = {
  beams: {
    type: 'integer',
    min: 1,
    aliases: ['num-beams'],
    help: 'search with this many beams; --num-samples is how many of the best are given',
    defaultText: `${fromModel} 1: no search`,
  },
  lengthPenalty: {
    type: 'number',
    help: 'beams compare sum of log-probabilities / length^this',
    defaultText: `${fromModel} 1`,
  },
  earlyStopping: { type: 'boolean', help: 'end the search when as many texts as beams have ended' },
} as const;

/** Where a text ends. */
const endOptions = {
  maxTokens: {
    type: 'integer',
    min: 0,
    short: 'n',
    aliases: ['max-new-tokens', 'genlen'],
    help: 'tokens to draw',
    defaultText: `${fromModel} 400`,
  },
  minTokens: {
    type: 'integer',
    min: 0,
    aliases: ['min-new-tokens'],
    help: 'no stop token before this many',
    defaultText: `${fromModel} 0`,
  },
  stop: { type: 'strings', aliases: ['stop-strings'], help: 'end before this text' },
  stopTokens: {
    type: 'integers',
    min: 0,
    help: 'end at one of these token ids',
    defaultText: 'the end of text, and what the model says',
  },
  ignoreEos: { type: 'boolean', help: 'go on after the end of text' },
} as const;

/** What is written. */
const outputOptions = {
  json: { type: 'boolean', help: 'one JSON line a token, then one with each whole text' },
  logprobs: { type: 'integer', min: 0, help: 'with --json: the k likeliest tokens at every place' },
  echo: { type: 'boolean', help: 'with --json: the tokens of the prompt too (plain text always begins with it)' },
} as const;

export const generationOptions = {
  ...promptOptions,
  ...endOptions,
  ...samplingOptions,
  ...beamOptions,
  ...outputOptions,
};
