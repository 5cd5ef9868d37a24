import picocolors from 'picocolors';
import { expect, it } from 'vitest';
import { defineCommand } from './command.ts';
import { commandHelp, globalHelp } from './help-text.ts';

const plain = picocolors.createColors(false);

const command = defineCommand({
  name: 'generate',
  summary: 'Writes text with a model',
  positionals: {
    prompt: { help: 'the beginning of the text', required: true },
    more: { help: 'what follows', many: true },
  },
  options: {
    topP: { type: 'number', min: 0, max: 1, default: 0.9, help: 'keep the likeliest tokens up to this mass' },
    model: { type: 'string', short: 'm', required: true, placeholder: 'dir', help: 'checkpoint folder' },
    temperature: { type: 'number', min: 0, help: 'flattens the choice', defaultText: 'from the checkpoint' },
    stream: { type: 'boolean', default: true, help: 'show tokens as they come' },
    json: { type: 'boolean', help: 'print one JSON document' },
    device: { type: 'choice', choices: ['wasm', 'reference'], default: 'wasm', help: 'backend' },
  },
  examples: [{ line: 'hippo generate -m runs/a "To be"', help: 'go on from three words' }],
});

it('lines up options with their rules and defaults', () => {
  expect(commandHelp(command, plain)).toMatchInlineSnapshot(`
    "Writes text with a model.

    Usage  hippo generate <prompt> [more…] [options]

    Arguments
      prompt  the beginning of the text
      more    what follows

    Options
          --top-p <n>              keep the likeliest tokens up to this mass (a number from 0 to 1; default: 0.9)
      -m, --model <dir>            checkpoint folder (required)
          --temperature <n>        flattens the choice (a number of at least 0; default: from the checkpoint)
          --[no-]stream            show tokens as they come (default: on)
          --json                   print one JSON document
          --device wasm|reference  backend (default: wasm)
      -h, --help                   show this text
          --no-color               plain text (also NO_COLOR=1)

    Every option has a twin in the environment (--top-p: HIPPO_TOP_P); the flag wins.

    Examples
      # go on from three words
      hippo generate -m runs/a "To be"
    "
  `);
});

it('lists commands', () => {
  expect(globalHelp([command], plain)).toMatchInlineSnapshot(`
    "Trains, runs and inspects state-space language models.

    Usage  hippo <command> [options]

    Commands
      generate  Writes text with a model

    Options
      -h, --help      show this text, or with a command its options
      -V, --version   show the version
          --no-color  plain text (also NO_COLOR=1)

    Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    HIPPO_DEBUG=1 adds stack traces to errors.
    "
  `);
});

it('uses colours only when asked to', () => {
  expect(commandHelp(command, plain)).not.toContain('\x1b');
  expect(commandHelp(command, picocolors.createColors(true))).toContain('\x1b[1m');
});
