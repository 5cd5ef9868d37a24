// `hippo tokenizer decode`: the text of token ids.
import { DataError } from 'hippo';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { chooseTokenizer } from '../model/choose-tokenizer.ts';
import type { CommandIo } from '../terminal/io.ts';
import { readInput } from '../terminal/read-input.ts';

export const command = defineCommand({
  name: 'tokenizer decode',
  summary: 'Text of token ids',
  description: 'The text is printed as it is, without a line break after it.',
  positionals: { ids: { required: true, help: 'a JSON array, or ids with commas or spaces between; "-" reads stdin' } },
  options: {
    tokenizer: {
      type: 'string',
      required: true,
      placeholder: 'folder',
      help: 'gpt2, byte, or the folder of a tokenizer, a model or a run',
    },
  },
  examples: [{ line: 'hippo tokenizer decode 2514,307 --tokenizer gpt2', help: 'To be' }],
});

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  const tokenizer = await chooseTokenizer(options.tokenizer, { who: command.name, documents: false });
  const words = options.ids === '-' ? await readInput(io) : options.ids;
  const text = tokenizer.decode(parseIds(words));
  io.out.write(text);
  // For people: the prompt of the shell should stand on a line of its own.
  if (io.out.interactive && !text.endsWith('\n')) io.out.line();
}

function parseIds(text: string): number[] {
  const words = text
    .replace(/^\s*\[|\]\s*$/g, '')
    .split(/[\s,]+/)
    .filter((word) => word !== '');
  return words.map((word, place) => {
    if (/^\d+$/.test(word)) return Number(word);
    throw new DataError(
      'token-ids',
      `${command.name}: ids must be whole numbers, as in [2514,307] or 2514,307; got ${JSON.stringify(word)} as number ${place}.`,
      { word, place },
    );
  });
}
