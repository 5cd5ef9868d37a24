// `hippo tokenizer encode`: the token ids of a text.
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { chooseTokenizer } from '../model/choose-tokenizer.ts';
import type { CommandIo } from '../terminal/io.ts';
import { readInput } from '../terminal/read-input.ts';

export const command = defineCommand({
  name: 'tokenizer encode',
  summary: 'Token ids of a text',
  positionals: { text: { required: true, help: 'the text itself; "-" reads stdin' } },
  options: {
    tokenizer: {
      type: 'string',
      required: true,
      placeholder: 'folder',
      help: 'gpt2, byte, or the folder of a tokenizer, a model or a run',
    },
    documents: { type: 'boolean', help: '<|endoftext|> in the text is the token between documents' },
  },
  examples: [
    { line: 'hippo tokenizer encode "To be" --tokenizer gpt2', help: '[2514,307]' },
    {
      line: 'hippo tokenizer encode - --tokenizer gpt2 < a.txt | hippo tokenizer decode - --tokenizer gpt2',
      help: 'gives the text back',
    },
  ],
});

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  const tokenizer = await chooseTokenizer(options.tokenizer, { who: command.name, documents: options.documents });
  const text = options.text === '-' ? await readInput(io) : options.text;
  io.out.line(JSON.stringify(Array.from(tokenizer.encode(text))));
}
