// Training windows: which places of the token array the batch of a step reads. Everything is a pure function of the seed and the
// step, nothing keeps a position, and so a resumed run reads what an unbroken one would have read.
//
// Window w of a step starts at ⌊u·(tokens − length)⌋ with u uniform from Philox at counter (w, step); or, by epochs, the token array is
// cut into consecutive windows, and each epoch reads every one of them once, in an order of its own.
import { DataError, UsageError } from '../errors.ts';
import { philox4x32 } from '../tensor/philox.ts';
import { permuted } from './permutation.ts';

export interface BatchOptions {
  /** The whole training text. */
  readonly tokens: ArrayLike<number>;
  /** Windows in a micro-batch. */
  readonly batch: number;
  /** Targets in a window; a window holds one token more. */
  readonly length: number;
  readonly seed: number;
  /** `random`: every window drawn alone. `epoch`: each window of the text once before any comes again. Default `random`. */
  readonly order?: 'random' | 'epoch';
  /** Micro-batches a step; the order by epochs needs it. Default 1. */
  readonly accumulation?: number;
}

export interface BatchPlace {
  /** The step, counted from 0. */
  readonly step: number;
  /** The micro-batch within the step. Default 0. k micro-batches of b windows read what one batch of k·b reads. */
  readonly micro?: number;
}

/** The fourth word of every counter here, so that no other random number shares it. */
const purpose = 0x77696e64;

/**
 * The micro-batch's windows, row-major [batch, length + 1]: columns 0 to length − 1 are read, columns 1 to length predicted.
 * @throws DataError `text-too-short` when the tokens do not fill one window, UsageError `batch-option` for a number out of range.
 */
export function batchAt(options: BatchOptions, place: BatchPlace): Int32Array {
  const { tokens, batch, length, accumulation = 1, order = 'random' } = options;
  const { step, micro = 0 } = place;
  checkOptions(options, place);
  checkWindows(tokens, length);
  const width = length + 1;
  const result = new Int32Array(batch * width);
  for (let row = 0; row < batch; row++) {
    const window = micro * batch + row;
    const start =
      order === 'random'
        ? draw(tokens.length - length, [window, step, 0], options.seed)
        : epochStart(options, step * accumulation * batch + window);
    for (let i = 0; i < width; i++) result[row * width + i] = tokens[start + i] ?? 0;
  }
  return result;
}

/** @throws DataError `text-too-short` when the tokens do not fill one window of `length` targets. */
export function checkWindows(tokens: ArrayLike<number>, length: number): void {
  if (tokens.length > length) return;
  throw new DataError(
    'text-too-short',
    `training windows: a window needs ${length + 1} tokens (${length} and the one after); the text has ${tokens.length}. Give a longer text or shorter windows.`,
    { tokens: tokens.length, length },
  );
}

export interface TextSplit {
  readonly training: string;
  readonly validation: string;
}

/**
 * The first (1 − share) of the text's characters, rounded down, and the rest. A surrogate pair is not cut: it goes to the head.
 * @throws UsageError `validation-share` outside (0, 1), DataError `text-too-short` when a part would be empty.
 */
export function splitText(
  text: string,
  { validationShare = 0.1 }: { readonly validationShare?: number } = {},
): TextSplit {
  if (!(validationShare > 0 && validationShare < 1)) {
    throw new UsageError(
      'validation-share',
      `split: the share for validation must lie between 0 and 1, such as 0.1; got ${validationShare}.`,
      { validationShare },
    );
  }
  let end = Math.floor(text.length * (1 - validationShare));
  if (/^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(Math.max(0, end - 1), end + 1))) end++;
  if (end < 1 || end >= text.length) {
    throw new DataError(
      'text-too-short',
      `split: both parts need at least one character; got a text of ${text.length}. Give a longer text.`,
      { characters: text.length, validationShare },
    );
  }
  return { training: text.slice(0, end), validation: text.slice(end) };
}

const keyOf = (seed: number): readonly [number, number] => [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];

/** A whole number from 0 to `below − 1`, uniform to 2⁻⁵³. */
function draw(below: number, counter: readonly [number, number, number], seed: number): number {
  const [high, low] = philox4x32([...counter, purpose], keyOf(seed));
  return Math.floor(((high * 2 ** 21 + (low >>> 11)) / 2 ** 53) * below);
}

/** The tokens that are left over after the last whole window move the first window, another way each epoch. */
function epochStart({ tokens, length, seed }: BatchOptions, position: number): number {
  const windows = Math.floor((tokens.length - 1) / length);
  const epoch = Math.floor(position / windows);
  const offset = draw(tokens.length - windows * length, [0, epoch, 1], seed);
  return offset + length * permuted(position % windows, { size: windows, key: keyOf(seed), epoch });
}

function checkOptions({ batch, length, seed, accumulation = 1 }: BatchOptions, { step, micro = 0 }: BatchPlace): void {
  const rules = [
    ['batch', batch, 1],
    ['length', length, 1],
    ['accumulation', accumulation, 1],
    ['step', step, 0],
    ['micro', micro, 0],
    ['seed', seed, Number.MIN_SAFE_INTEGER],
  ] as const;
  for (const [name, value, least] of rules) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new UsageError(
      'batch-option',
      `batchAt: ${name} must be a whole number${least >= 0 ? ` of at least ${least}` : ''}; got ${value}.`,
      { name, value },
    );
  }
}
