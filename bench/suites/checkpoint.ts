// A checkpoint of 125M parameters through the command line: converted, quantised, run; seconds and the most memory of each process.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gpt2Tokenizer, languageModel, preset } from 'hippo';
import { saveModel } from 'hippo/node';
import { BenchError } from '../harness/errors.ts';
import { quantile, rounded } from '../harness/figure.ts';
import type { SuiteContext, SuiteOutcome } from '../harness/suite.ts';
import { quickNumbers } from './quick-numbers.ts';

const runFile = promisify(execFile);
const commandLine = fileURLToPath(new URL('../../../packages/cli/bin/hippo.js', import.meta.url));
/** Loaded first in the process that is measured: it says the most memory it had when it ends. */
const peakReporter =
  'data:text/javascript,process.on("exit",()=>process.stderr.write("\\npeak "+process.resourceUsage().maxRSS))';

interface Measured {
  readonly seconds: number;
  readonly peakBytes: number;
  readonly out: string;
}

async function hippo(words: readonly string[]): Promise<Measured> {
  const started = performance.now();
  const { stdout, stderr } = await runFile(
    process.execPath,
    [...process.execArgv, '--import', peakReporter, commandLine, ...words],
    { maxBuffer: 1 << 26 },
  );
  const peak = /\npeak (\d+)$/.exec(stderr)?.[1];
  if (peak === undefined) throw new BenchError('wrong-result', `checkpoint: ${words[0]} did not say its memory.`);
  return { seconds: (performance.now() - started) / 1000, peakBytes: 1024 * Number(peak), out: stdout };
}

async function folderBytes(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

const tokens = 64;

export async function run({ threads, rounds, log }: SuiteContext): Promise<SuiteOutcome> {
  const root = await mkdtemp(join(tmpdir(), 'hippo-checkpoint-'));
  const at = (name: string): string => join(root, name);
  const most = String(Math.max(...threads));
  const repeats = Math.min(rounds, 3);
  try {
    const model = languageModel(preset('h3-125m'));
    await saveModel(at('f32'), {
      config: model.config,
      tensors: model.variables.map((variable) => ({ ...variable, read: async () => quickNumbers(variable) })),
      tokenizer: await gpt2Tokenizer(),
    });
    const rows: (string | number)[][] = [];
    const measure = async (name: string, words: readonly string[], folder?: string): Promise<void> => {
      const all: Measured[] = [];
      for (let round = 0; round < repeats; round++) all.push(await hippo(words));
      const seconds = rounded(
        quantile(
          all.map((one) => one.seconds),
          0.5,
        ),
      );
      const peak = Math.round(Math.max(...all.map(({ peakBytes }) => peakBytes)) / 1e6);
      rows.push([name, seconds, peak, folder === undefined ? '' : Math.round((await folderBytes(folder)) / 1e6)]);
      log(`  ${name.padEnd(40)} ${seconds} s, at most ${peak} MB`);
    };
    await measure('info', ['info', at('f32')], at('f32'));
    await measure('convert to bf16', ['convert', at('f32'), at('bf16'), '--dtype', 'bf16'], at('bf16'));
    await measure('quantize to int8', ['quantize', at('f32'), at('int8'), '--bits', '8'], at('int8'));
    await measure('quantize to int4', ['quantize', at('f32'), at('int4'), '--bits', '4'], at('int4'));
    for (const name of ['f32', 'bf16', 'int8', 'int4']) {
      const words = ['generate', '-m', at(name), '-p', 'It was', '-n', String(tokens), '--ignore-eos', '-t', most];
      await measure(`generate ${tokens} tokens from ${name}`, words);
    }
    const caption = `Seconds of the whole process (median of ${repeats}), the most memory it had in MB, the folder it wrote (or read) in MB.`;
    return { tables: [{ caption, head: ['hippo …', 's', 'MB', 'folder MB'], rows }] };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
