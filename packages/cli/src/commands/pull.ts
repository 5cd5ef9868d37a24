// `hippo pull`: fetches a model from a hub into the cache that other tools share.
import { pull } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { openProgress } from '../progress/progress-line.ts';
import { formatBytes, formatRate } from '../report/format.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'pull',
  summary: 'Fetch a model from a hub',
  description:
    "Into the cache of the ecosystem's tools (HF_HOME, HF_HUB_CACHE), checked by hash; what is there is not fetched again, and a download that broke goes on where it stopped. HF_ENDPOINT names another hub, HF_TOKEN is for gated and private models, HF_HUB_OFFLINE=1 uses the cache alone. Prints the folder.",
  positionals: { model: { required: true, help: 'org/name, or org/name@revision' } },
  options: {
    revision: { type: 'string', defaultText: 'main', help: 'branch, tag or commit' },
    file: {
      type: 'string',
      short: 'f',
      placeholder: 'name,…',
      defaultText: 'settings, tokenizer and the weights in one format',
      help: 'files to fetch, "*" for anything in a name',
    },
  },
  examples: [
    { line: 'hippo pull org/h3-125m', help: 'a model' },
    { line: 'hippo pull org/h3-125m@v1 --file "config.json,*.safetensors"', help: 'some of its files, at a tag' },
    { line: 'hippo generate --model "$(hippo pull org/h3-125m)"', help: 'and use it' },
  ],
});

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  const signal = io.onInterrupt('stopping; what has come is kept');
  const progress = openProgress(io.err);
  const started = performance.now();
  let fetched = 0;
  let last = { file: '', done: 0 };
  try {
    const folder = await pull(options.model, {
      environment: io.environment,
      signal,
      ...(options.revision !== undefined && { revision: options.revision }),
      files: (options.file ?? '').split(',').filter((name) => name !== ''),
      onNote: progress.log,
      onProgress: ({ file, done, size, number, files }) => {
        // A file begins with what was there before, which was not fetched now.
        if (file === last.file) fetched += Math.max(0, done - last.done);
        last = { file, done };
        progress.update(() => {
          const rate = formatRate(fetched / ((performance.now() - started) / 1000) / 2 ** 20, 'MiB');
          return `${file} (${number} of ${files})  ${formatBytes(done)} of ${formatBytes(size)}  ${rate}`;
        });
      },
    });
    progress.finish();
    io.out.line(folder);
  } finally {
    progress.finish();
  }
}
