// A tokenizer by its name on the command line: `gpt2`, `byte`, or the folder of a tokenizer, a model or a run.
import { existsSync } from 'node:fs';
import { byteTokenizer, gpt2Tokenizer, nearest, type Tokenizer, UsageError } from 'hippo';
import { holdsTokenizer, loadTokenizerFolder, resolveModelFolder } from 'hippo/node';

export interface TokenizerChoice {
  /** The command, for errors. */
  readonly who: string;
  /** Whether `<|endoftext|>` in a text becomes the token between documents. */
  readonly documents: boolean;
  /** Further names, each with its tokenizer. */
  readonly more?: Readonly<Record<string, () => Tokenizer>>;
}

/** @throws UsageError `tokenizer` for what is neither a name nor a folder; CheckpointError for a folder without a tokenizer. */
export async function chooseTokenizer(
  name: string,
  { who, documents, more = {} }: TokenizerChoice,
): Promise<Tokenizer> {
  const byte = () => byteTokenizer({ documents });
  const names: Readonly<Record<string, () => Tokenizer | Promise<Tokenizer>>> = {
    ...more,
    byte,
    bytes: byte,
    gpt2: () => gpt2Tokenizer({ documents }),
  };
  const make = Object.hasOwn(names, name) ? names[name] : undefined;
  if (make) return make();
  if (!existsSync(name)) {
    const known = Object.keys(names).filter((key) => key !== 'bytes');
    const guess = nearest(name, known);
    throw new UsageError(
      'tokenizer',
      `${who}, --tokenizer: must be ${known.join(', ')}, or a folder; got ${JSON.stringify(name)}, which is not there.${guess === undefined ? '' : ` Did you mean ${guess}?`}`,
      { tokenizer: name, nearest: guess },
    );
  }
  const folder = (await holdsTokenizer(name)) ? name : await resolveModelFolder(name);
  return loadTokenizerFolder(folder, { documents });
}
