// The built command line as a person uses it: trains, is interrupted, resumes, generates, scores; refuses bad input.
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
    readonly env?: Readonly<Record<string, string>>;
    readonly onText?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
  } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [binary, ...words], {
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '', ...options.env },
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
        setTimeout(() => kill('SIGINT'), 50); // 400 steps take about half a second
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

  it('gives several samples and prompts as each alone, and the best of a beam search', async () => {
    const base = ['generate', '--model', at('run'), '-n', '20', '--seed', '3', '--threads', '1'];
    const json = async (...words: string[]) => {
      const { out, code } = await hippo([...base, ...words, '--json']);
      expect(code).toBe(0);
      const lines = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      return lines.filter(({ finishReason }) => finishReason !== undefined);
    };
    await writeFile(at('prompts.jsonl'), '"To be"\n{"prompt": "Whether tis nobler"}\n');
    const several = await json('--prompts', at('prompts.jsonl'), '-N', '2', '--min_p', '0.02');
    expect(several).toHaveLength(4);
    const [alone] = await json('--prompt', 'Whether tis nobler', '--min_p', '0.02');
    const same = several.find(({ promptIndex, sample }) => promptIndex === 1 && sample === 0);
    expect(same).toMatchObject({ text: alone.text, tokens: 20, finishReason: 'length' });
    const [stopped] = await json('--prompt', 'Whether tis nobler', '--min_p', '0.02', '--stop', alone.text.slice(5, 8));
    expect(stopped).toMatchObject({
      finishReason: 'stop-string',
      text: alone.text.slice(0, alone.text.indexOf(stopped.stop)),
    });
    const plain = await hippo([...base, '--prompt', 'To be', '-N', '2']);
    expect(plain.out.match(/^--- sample \d of 2 ---\nTo be/gm)).toHaveLength(2);
    const beams = await hippo([
      'generate',
      '-m',
      at('run'),
      '-p',
      'To be',
      '-n',
      '8',
      '--beams',
      '3',
      '-N',
      '2',
      '-t',
      '1',
      '--json',
    ]);
    const scores = beams.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(scores).toHaveLength(2);
  });

  it('is heard between two tokens on Ctrl-C', async () => {
    const { code, out, err } = await hippo(
      ['generate', '-m', at('run'), '-p', 'To be', '-n', '200000', '-t', '1', '--ignore-eos'],
      {
        onText: (text, kill) => {
          if (!text.includes('stopping')) setTimeout(() => kill('SIGINT'), 700);
        },
      },
    );
    expect(err).toContain('stopping after this token');
    expect(code).toBe(130);
    expect(out.length).toBeLessThan(200_000);
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
    [
      'a draw in a beam search',
      () => ['generate', '--model', at('run'), '--beams', '2', '--top_p', '0.5'],
      2,
      '--top-p',
    ],
    [
      'a bias outside the vocabulary',
      () => ['generate', '--model', at('run'), '--logit-bias', '999=1', '-t', '1'],
      2,
      '999',
    ],
    ['probabilities without a place', () => ['generate', '--model', at('run'), '--logprobs', '2'], 2, '--json'],
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

it('learns a tokenizer, trains a model on it, and resumes with no other', async () => {
  const learn = (size: string, out: string) =>
    hippo(['tokenizer', 'train', at('text.txt'), '--vocab-size', size, '--out', at(out)]);
  expect((await learn('280', 'tokens')).code).toBe(0);
  expect((await learn('281', 'others')).code).toBe(0);
  const words = (name: string): string[] => [
    ...['train', at('text.txt'), '--out', at('on-tokens'), '--tokenizer', at(name), '--steps', '4'],
    ...['--validate-every', '0', '--save-every', '2', ...small],
  ];
  expect(await hippo(words('tokens'))).toMatchObject({ code: 0 });
  const generated = await hippo(['generate', '-m', at('on-tokens'), '-p', 'To be', '-n', '5', '-t', '1', '--json']);
  expect(generated.code).toBe(0);
  expect(JSON.parse(generated.out.trim().split('\n').at(-1) ?? '')).toMatchObject({ prompt: 'To be' });
  const other = await hippo([...words('others'), '--resume']);
  expect(other.code).toBe(1);
  expect(other.err).toContain('tokenizer was "byte-pairs ');
  // A model's own folder, and a run's, are tokenizers too.
  const encode = (name: string) => hippo(['tokenizer', 'encode', 'To be', '--tokenizer', at(name)]);
  expect((await encode('on-tokens')).out).toBe((await encode('tokens')).out);
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
  const { backends } = JSON.parse(out) as { backends: { works: boolean; details?: { limits: object } }[] };
  expect(backends).toEqual([
    expect.objectContaining({ name: 'wasm', works: true }),
    expect.objectContaining({ name: 'webgpu', works: expect.any(Boolean) }),
    expect.objectContaining({ name: 'reference', works: true }),
  ]);
  // A GPU that is there is described.
  expect(backends[1]?.details?.limits !== undefined).toBe(backends[1]?.works);
});

it('a GPU that is not there is no failure, unless it is asked for', async () => {
  const env = {
    HIPPO_BACKEND: 'webgpu',
    VK_ICD_FILENAMES: at('no-driver.json'),
    VK_DRIVER_FILES: at('no-driver.json'),
  };
  const doctor = await hippo(['doctor'], { env });
  expect(doctor.code).toBe(0);
  // Elsewhere than on Linux the driver is not found through these variables.
  if (!doctor.out.includes('not available')) return;
  expect(doctor.out).toMatch(/webgpu +not available: webgpu: looked for a WebGPU adapter; this system offers none/);
  expect((await hippo(['doctor', '--require', 'webgpu'], { env })).code).toBe(1);
  const logits = await hippo(['logits', '--model', at('run'), '--ids', '1,2'], { env });
  expect(logits).toMatchObject({ code: 1, out: '', err: expect.stringContaining('Use the wasm backend') });
});

it('refuses a precision that the backend does not have', async () => {
  const { code, err } = await hippo(['logits', '--model', at('run'), '--ids', '1,2', '--precision', 'f16']);
  expect(code).toBe(2);
  expect(err).toContain('--precision f16 is for --backend webgpu; got --backend wasm');
});

it('doctor examines a model, and fails when something disagrees', async () => {
  const good = await hippo(['doctor', '--model', at('run'), '--json']);
  expect(good.code).toBe(0);
  const findings = JSON.parse(good.out).model as { check: string; agrees?: boolean }[];
  const onWasm = findings.filter(({ check }) => check.startsWith('wasm'));
  expect(onWasm.map(({ check }) => check)).toEqual([
    'wasm recurrence',
    'wasm first token',
    'wasm each token',
    'wasm memory',
    'wasm scores',
  ]);
  expect(onWasm.filter(({ agrees }) => agrees)).toHaveLength(2);

  await cp(at('run/checkpoints/best'), at('broken'), { recursive: true });
  const weights = await readFile(at('broken/model.safetensors'));
  weights.writeFloatLE(Number.NaN, weights.length - 4);
  await writeFile(at('broken/model.safetensors'), weights);
  const bad = await hippo(['doctor', '--model', at('broken')]);
  expect(bad.code).toBe(1);
  expect(bad.out).toContain('wasm recurrence     DISAGREES with the convolution');
});

it('saves the state of a text and goes on from it in another process', async () => {
  const words = ['generate', '-m', at('run'), '--seed', '3', '--temperature', '0.9'];
  const whole = await hippo([...words, '-p', 'To be', '-n', '12']);
  const first = await hippo([...words, '-p', 'To be', '-n', '5', '--save-state', at('state')]);
  expect(first.err).toContain('the state after 10 tokens');
  const rest = await hippo([...words, '--state', at('state'), '-n', '7']);
  expect(first.out.slice(0, -1) + rest.out).toBe(whole.out);

  const other = await hippo(['generate', '-m', at('one'), '--state', at('state')]);
  expect(other.code).toBe(1);
  expect(other.err).toMatch(/[0-9a-f]{16}.*[0-9a-f]{16}/s);
  const two = await hippo([...words, '--state', at('state'), '-N', '2']);
  expect(two.code).toBe(2);
  expect(two.err).toContain('--state and --num-samples contradict each other');
});
