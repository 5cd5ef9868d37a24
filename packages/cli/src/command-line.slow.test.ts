// The built command line as a person uses it: trains, is interrupted, resumes, generates, scores; refuses bad input.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const binary = fileURLToPath(new URL('../bin/hippo.js', import.meta.url));
const verse = 'To be, or not to be, that is the question:\nWhether tis nobler in the mind to suffer\n';

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `hippo`; `onText` sees stderr as it comes and may kill the process. */
function hippo(
  words: readonly string[],
  options: {
    readonly input?: string;
    readonly onText?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
  } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [binary, ...words], {
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '' },
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
      options.onText?.(err, (signal) => child.kill(signal));
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
    child.stdin.end(options.input ?? '');
  });
}

let folder = '';
const at = (name: string): string => join(folder, name);
const small = [
  '--width',
  '16',
  '--layers',
  '2',
  '--heads',
  '2',
  '--state-size',
  '8',
  '--batch',
  '2',
  '--length',
  '32',
  '--threads',
  '1',
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hippo-cli-'));
  await writeFile(at('text.txt'), verse.repeat(30));
  const trained = await hippo([
    'train',
    at('text.txt'),
    '--out',
    at('run'),
    '--steps',
    '60',
    '--validate-every',
    '20',
    '--save-every',
    '20',
    ...small,
    '--json',
  ]);
  expect(trained.err).toContain('validation loss');
  expect(trained.code).toBe(0);
  const summary = JSON.parse(trained.out);
  expect(summary).toMatchObject({ steps: 60, interrupted: false });
  expect(summary.validationLoss).toBeLessThan(3);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const lossesOf = async (run: string): Promise<unknown[]> =>
  (await readFile(join(at(run), 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ kind }) => kind === 'step')
    .map(({ step, loss }) => [step, loss]);

describe('a run', () => {
  it('leaves metrics, a plot and a model folder in the common layout', async () => {
    expect(await lossesOf('run')).toHaveLength(60);
    expect(await readFile(at('run/loss.svg'), 'utf8')).toMatch(/^<svg/);
    for (const file of [
      'config.json',
      'generation_config.json',
      'tokenizer_config.json',
      'vocab.json',
      'model.safetensors',
      'optimizer.safetensors',
      'trainer_state.json',
    ]) {
      expect((await readFile(at(`run/checkpoints/step-00000060/${file}`))).length).toBeGreaterThan(0);
    }
  });

  it('ends with 130 on Ctrl-C after finishing the step, and resumes to the same losses, recomputing layers or not', async () => {
    const settings = [
      'train',
      at('text.txt'),
      '--out',
      at('stopped'),
      '--steps',
      '400',
      '--validate-every',
      '0',
      '--save-every',
      '100',
      ...small,
    ];
    const straight = await hippo(settings.map((word) => (word === at('stopped') ? at('straight') : word)));
    expect(straight.code).toBe(0);
    let signalled = false;
    const stopped = await hippo(settings, {
      onText: (text, kill) => {
        if (signalled || !text.includes('step 1/400')) return;
        signalled = true;
        setTimeout(() => kill('SIGINT'), 300);
      },
    });
    expect(stopped.err).toContain('finishing the step');
    expect(stopped.code).toBe(130);
    const partial = await lossesOf('stopped');
    expect(partial.length).toBeGreaterThan(0);
    expect(partial.length).toBeLessThan(400);
    const resumed = await hippo([...settings, '--resume', '--recompute']);
    expect(resumed.err).toContain(`resuming after step ${partial.length}`);
    expect(resumed.code).toBe(0);
    expect(await lossesOf('stopped')).toEqual(await lossesOf('straight'));
  });

  it('keeps the last checkpoint readable when it is killed at any moment', async () => {
    const settings = [
      'train',
      at('text.txt'),
      '--out',
      at('killed'),
      '--steps',
      '5000',
      '--validate-every',
      '0',
      '--save-every',
      '1',
      ...small,
    ];
    const killed = await hippo(settings, {
      onText: (text, kill) => {
        if (text.includes('step 1/5000')) setTimeout(() => kill('SIGKILL'), 1500);
      },
    });
    expect(killed.code).toBe(null);
    const scored = await hippo(['perplexity', at('text.txt'), '--model', at('killed'), '--json', '--threads', '1']);
    expect(scored.code).toBe(0);
    const resumed = await hippo([...settings, '--resume'], {
      onText: (text, kill) => text.includes('resuming after step') && kill('SIGKILL'),
    });
    expect(resumed.err).toContain('resuming after step');
  });

  it('refuses to resume with other settings, to mix runs, and to resume nothing', async () => {
    const base = [
      'train',
      at('text.txt'),
      '--out',
      at('run'),
      '--steps',
      '60',
      '--validate-every',
      '20',
      '--save-every',
      '20',
      ...small,
    ];
    const other = await hippo([...base, '--resume', '--learning-rate', '0.1', '--seed', '4']);
    expect(other.code).toBe(1);
    expect(other.err).toContain('training.seed was 0, is 4');
    expect(other.err).toContain('training.schedule.peak was 0.004, is 0.1');
    const mixed = await hippo(base);
    expect(mixed).toMatchObject({ code: 1 });
    expect(mixed.err).toContain('already holds a run');
    const nothing = await hippo([...base.map((word) => (word === at('run') ? at('nowhere') : word)), '--resume']);
    expect(nothing.err).toContain('no checkpoint to resume from');
    expect(nothing.code).toBe(1);
  });
});

describe('a model', () => {
  it('generates the same text for the same seed, with data alone on stdout', async () => {
    const words = [
      'generate',
      '--model',
      at('run'),
      '--prompt',
      'To be',
      '--max_new_tokens',
      '40',
      '--top_p',
      '0.9',
      '--seed',
      '7',
      '--threads',
      '1',
    ];
    const [first, second] = [await hippo(words), await hippo(words)];
    expect(first.code).toBe(0);
    expect(first.out).toBe(second.out);
    expect(first.out.startsWith('To be')).toBe(true);
    expect([...first.out.trimEnd()].length).toBeGreaterThan(30);
    const greedy = await hippo(['generate', '-m', at('run'), '-p', '-', '-n', '10', '--greedy', '--json', '-t', '1'], {
      input: 'To be',
    });
    const lines = greedy.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({ prompt: 'To be', tokens: 10 });
    expect(
      lines
        .slice(0, -1)
        .map(({ text }) => text)
        .join(''),
    ).toBe(lines.at(-1).text);
  });

  it('prints logits over the padded vocabulary', async () => {
    const { out, code } = await hippo(['logits', '--model', at('run'), '--ids', '5,7,3', '--json', '-t', '1']);
    expect(code).toBe(0);
    const { shape, logits } = JSON.parse(out);
    expect(shape[0]).toBe(3);
    expect(shape[1] % 8).toBe(0);
    expect(logits).toHaveLength(3);
    expect(logits[0]).toHaveLength(shape[1]);
  });

  it('is described by info and scored by perplexity', async () => {
    const info = JSON.parse((await hippo(['info', at('run'), '--json'])).out);
    expect(info.layers).toEqual(['h3', 'attention']);
    const preset = JSON.parse((await hippo(['info', 'h3-125m', '--json'])).out);
    expect(preset.parameters.total).toBe(126_387_456);
    const score = JSON.parse(
      (await hippo(['perplexity', at('text.txt'), '--model', at('run'), '--json', '-t', '1'])).out,
    );
    expect(score.perplexity).toBeCloseTo(Math.exp(score.loss), 6);
    expect(score.tokens).toBe(verse.length * 30 - 1);
  });
});

describe('a quantised model', () => {
  it('is written, compared, described, scored, and writes', async () => {
    const words = ['quantize', at('run'), at('small'), '--bits', '4', '--report', '--text', at('text.txt'), '-t', '1'];
    const { code, out, err } = await hippo([...words, '--json']);
    expect(code, err).toBe(0);
    const { bytesBefore, bytesAfter, report } = JSON.parse(out);
    expect(bytesAfter).toBeLessThan(bytesBefore);
    expect(report.logits.rms).toBeGreaterThan(0);
    expect(report.quantized.tokens).toBe(verse.length * 30 - 1);
    const info = JSON.parse((await hippo(['info', at('small'), '--json'])).out);
    expect(info.quantization).toEqual({ bits: 4, group_size: 32 });
    expect(info.parameters).toEqual(JSON.parse((await hippo(['info', at('run'), '--json'])).out).parameters);
    expect(info.parameterBytes).toBe(bytesAfter);
    const score = JSON.parse(
      (await hippo(['perplexity', at('text.txt'), '--model', at('small'), '--json', '-t', '1'])).out,
    );
    expect(score.perplexity).toBeCloseTo(report.quantized.perplexity, 3);
    const written = await hippo(['generate', '--model', at('small'), '--prompt', 'To', '--max-tokens', '5', '-t', '1']);
    expect(written.code, written.err).toBe(0);
  });
});

describe('bad input', () => {
  const cases: readonly (readonly [string, () => readonly string[], number, string])[] = [
    ['an unknown option', () => ['generate', '--model', at('run'), '--temprature', '1'], 2, '--temperature'],
    [
      'a group size that is none',
      () => ['quantize', at('run'), at('q'), '--bits', '8', '--group-size', '32'],
      2,
      '--group-size',
    ],
    ['a report on nothing', () => ['quantize', at('run'), at('q'), '--bits', '8', '--report'], 2, '--text FILE'],
    ['an unknown command', () => ['generat'], 2, 'hippo generate'],
    ['a value out of range', () => ['generate', '--model', at('run'), '--top-p', '1.5'], 2, '--top-p'],
    ['an empty prompt', () => ['generate', '--model', at('run'), '--prompt', ''], 2, 'the prompt is empty'],
    [
      'a character outside the alphabet',
      () => ['generate', '--model', at('run'), '--prompt', 'To ξ', '-t', '1'],
      1,
      'U+03BE',
    ],
    [
      'ids outside the vocabulary',
      () => ['logits', '--model', at('run'), '--ids', '1,999', '-t', '1'],
      1,
      'token 1 has id 999',
    ],
    ['a folder without a model', () => ['generate', '--model', folder, '-t', '1'], 1, 'config.json'],
    ['a missing text', () => ['train', at('missing.txt'), '--out', at('x')], 1, 'missing.txt'],
    ['an empty text', () => ['train', at('empty.txt'), '--out', at('x')], 1, 'is empty'],
    [
      'too short a text',
      () => ['train', at('short.txt'), '--out', at('x'), '--length', '64', '-t', '1'],
      1,
      'needs 65 tokens',
    ],
    ['contradicting options', () => ['generate', '--model', at('run'), '--greedy', '--top-k', '3'], 2, 'contradict'],
  ];
  it.each(cases)('%s', async (_, words, code, sentence) => {
    await writeFile(at('empty.txt'), '');
    await writeFile(at('short.txt'), 'too short');
    const { err, out, code: found } = await hippo(words());
    expect(err).toContain(sentence);
    expect(found).toBe(code);
    expect(out).toBe('');
    expect(err).not.toMatch(/\n\s+at /);
  });

  it('names the key of a config that is not known, and weights that disagree with the config', async () => {
    const source = at('run/checkpoints/best');
    const broken = at('broken');
    const { cp } = await import('node:fs/promises');
    await cp(source, broken, { recursive: true });
    const config = JSON.parse(await readFile(join(broken, 'config.json'), 'utf8'));
    await writeFile(join(broken, 'config.json'), JSON.stringify({ ...config, d_modle: 16 }));
    const misspelt = await hippo(['generate', '--model', broken, '-t', '1']);
    expect(misspelt).toMatchObject({ code: 1 });
    expect(misspelt.err).toContain('d_model');
    await writeFile(join(broken, 'config.json'), JSON.stringify({ ...config, n_layer: 3 }));
    const larger = await hippo(['generate', '--model', broken, '-t', '1']);
    expect(larger).toMatchObject({ code: 1 });
    expect(larger.err).toContain('"backbone.layers.2.');
    await writeFile(join(broken, 'config.json'), JSON.stringify(config));
    const weights = await readFile(join(broken, 'model.safetensors'));
    await writeFile(join(broken, 'model.safetensors'), weights.subarray(0, weights.length - 100));
    const truncated = await hippo(['generate', '--model', broken, '-t', '1']);
    expect(truncated).toMatchObject({ code: 1 });
    expect(truncated.err).toContain('model.safetensors');
  });
});

it('trains a rival without attention, and one layer', async () => {
  const words = ['train', at('text.txt'), '--steps', '2', '--validate-every', '0', '--save-every', '0', ...small];
  const rival = await hippo([...words, '--out', at('rival'), '--mixer', 's4d', '--attn-layer-idx', 'none']);
  expect(rival.code).toBe(0);
  expect(JSON.parse((await hippo(['info', at('rival'), '--json'])).out).layers).toEqual(['s4d', 's4d']);
  expect((await hippo([...words, '--out', at('one'), '--layers', '1'])).code).toBe(0);
});

it('doctor says what works', async () => {
  const { code, out } = await hippo(['doctor', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out).backends).toEqual([
    expect.objectContaining({ name: 'wasm', works: true }),
    expect.objectContaining({ name: 'reference', works: true }),
  ]);
});
