// `hippo synthetic` as a person uses it: runs side by side in worker threads, results in files, Ctrl-C, data on request. Needs
// `npm run build`, which `npm test` does first.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RunRecord } from './run-record.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether Node has an adapter; decided before the run. */
    readonly webGpuInNode: boolean;
  }
}

const binary = fileURLToPath(new URL('../../bin/hippo.js', import.meta.url));
let folder = '';
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hippo-synthetic-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `hippo synthetic`, and presses Ctrl-C when stderr holds `interruptAt`. */
const synthetic = (words: readonly string[], interruptAt?: string): Promise<Outcome> =>
  hippo(['synthetic', ...words], interruptAt);

function hippo(words: readonly string[], interruptAt?: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [binary, ...words], { env: { ...process.env, NO_COLOR: '1' } });
    let [out, err] = ['', ''];
    let pressed = false;
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
      if (interruptAt === undefined || pressed || !err.includes(interruptAt)) return;
      pressed = true;
      child.kill('SIGINT');
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const recordsIn = async (name: string): Promise<readonly RunRecord[]> =>
  JSON.parse(await readFile(at(`${name}/results.json`), 'utf8'));
const quick = ['--task', 'associative-recall', '--length', '6', '--examples', '64', '--tests', '20', '--steps', '4'];

describe('hippo synthetic', () => {
  it('runs models side by side and leaves JSON, a table and a figure; the same numbers however many at a time', async () => {
    const words = [...quick, '--models', 's4d,gss,h3,hybrid,attention', '--evaluate-every', '2', '--longer', '2'];
    const { code, out, err } = await synthetic([...words, '--jobs', '2', '--out', at('two')]);
    expect(err).toMatch(/5 of 5 runs in/);
    expect(err).toMatch(/associative-recall, hybrid, seed 0: ended after 4 steps/);
    expect(code).toBe(0);
    expect(out).toMatch(/^\| associative-recall \| h3 \| 99\.8 \| \d+\.\d \|/m);
    expect((await readdir(at('two'))).sort()).toEqual([
      'associative-recall-longer.svg',
      'associative-recall.svg',
      'models',
      'results.json',
      'results.md',
    ]);
    const records = await recordsIn('two');
    expect(records.map(({ model, state, curve }) => [model, state, curve.map(({ step }) => step)])).toEqual(
      ['s4d', 'gss', 'h3', 'hybrid', 'attention'].map((model) => [model, 'ended', [2, 4]]),
    );
    // Learned positions end where training ended.
    expect(records.map(({ longer }) => longer.map(({ length }) => length))).toEqual([[12], [12], [12], [12], []]);
    expect((await synthetic([...words, '--jobs', '1', '--out', at('one')])).code).toBe(0);
    const timeless = (all: readonly RunRecord[]) => all.map((record) => ({ ...record, seconds: 0, modelFolder: '' }));
    expect(timeless(await recordsIn('one'))).toEqual(timeless(records));
  });

  it.runIf(inject('webGpuInNode'))('runs on webgpu with the losses of wasm', async () => {
    // A software adapter takes longer to compile shaders than to run them.
    const words = [...quick, '--models', 'attention', '--seeds', '0,1', '--evaluate-every', '2', '--jobs', '2'];
    expect((await synthetic([...words, '--out', at('cpu')])).code).toBe(0);
    const { code, err } = await synthetic([...words, '--backend', 'webgpu', '--out', at('gpu')]);
    expect(code, err).toBe(0);
    // Said once for both runs.
    expect(err.match(/^webgpu: .*; products in f32$/gm)).toHaveLength(1);
    const [cpu, gpu] = [await recordsIn('cpu'), await recordsIn('gpu')];
    const ends = (records: readonly RunRecord[]) => records.map(({ state, settings }) => [state, settings.backend]);
    expect(ends(cpu)).toEqual(Array(2).fill(['ended', 'wasm']));
    expect(ends(gpu)).toEqual(Array(2).fill(['ended', 'webgpu']));
    for (const [i, { curve, device }] of gpu.entries()) {
      expect(device).toMatch(/^webgpu: /);
      expect(curve.map(({ step }) => step)).toEqual([2, 4]);
      for (const [k, { loss }] of curve.entries()) expect(loss).toBeCloseTo(cpu[i]?.curve[k]?.loss ?? 0, 3);
    }
  });

  it('stops at Ctrl-C with what is there', async () => {
    const words = [...quick.slice(0, -1), '100000', '--models', 'h3', '--seeds', '0,1', '--jobs', '1'];
    const { code, err } = await synthetic(
      [...words, '--evaluate-every', '5', '--out', at('stopped')],
      'associative-recall  h3',
    );
    expect(code).toBe(130);
    expect(err).toContain('finishing the running steps and writing the results');
    expect(err).toContain('0 of 2 runs in');
    const [first, second] = await recordsIn('stopped');
    expect(first).toMatchObject({ state: 'interrupted', seed: 0 });
    expect(first?.curve.at(-1)?.step).toBe(first?.step);
    expect(second).toMatchObject({ state: 'waiting', curve: [] });
  });

  it('writes the results whenever a run ends', async () => {
    // The second run has thousands of steps, and the process is killed as soon as the first one is on disk.
    const words = [
      ...quick.slice(0, 4),
      '--vary',
      'examples=64,3000',
      '--tests',
      '20',
      '--models',
      'h3',
      '--jobs',
      '1',
    ];
    const child = spawn(process.execPath, [binary, 'synthetic', ...words, '--out', at('killed')], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('close', resolve));
    let records: readonly RunRecord[] = [];
    while (records.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      records = await recordsIn('killed').catch(() => []);
    }
    child.kill('SIGKILL');
    await ended;
    expect(records.map(({ varied }) => varied?.value)).toEqual([64, 3000]);
    expect(['ended', 'solved']).toContain(records[0]?.state);
    expect(['waiting', 'running']).toContain(records[1]?.state);
  });

  it('takes an option through values, and makes only the runs that are missing', async () => {
    const words = [...quick, '--models', 'h3'];
    const out = ['--out', at('varied')];
    expect((await synthetic([...words, ...out, '--vary', 'without=none'])).code).toBe(0);
    const before = await recordsIn('varied');
    expect(before).toMatchObject([{ state: 'ended', varied: { option: 'without', value: 'none' } }]);
    words.push('--vary', 'without=none,shift,diagonal');

    const other = await synthetic([...words, ...out, '--resume', '--lr', '0.01']);
    expect(other).toMatchObject({ code: 2, out: '' });
    expect(other.err).toContain('was made with learning-rate 0.0005; got 0.01. Give the same');

    const { code, out: table, err } = await synthetic([...words, ...out, '--resume']);
    expect(code).toBe(0);
    expect(err).toMatch(/^1 of 3 runs are complete in /);
    expect(err).not.toContain('h3, without none, seed 0: ended');
    expect(err).toMatch(/h3, without diagonal, seed 0: ended[\s\S]*3 of 3 runs in /);
    expect(table).toMatch(/^\| associative-recall: without \| h3 \|\n.*\n\| none .*\n\| shift .*\n\| diagonal /);
    const records = await recordsIn('varied');
    expect(records[0]).toEqual(before[0]);
    expect(records.map(({ state }) => state)).toEqual(['ended', 'ended', 'ended']);
    const [whole = 0, shiftless = 0, diagonalless = 0] = records.map(({ parameters }) => parameters);
    // Two layers: 64 taps twice and a skip a channel; step, skip and 5 times 32 numbers a head.
    expect(whole - shiftless).toBe(2 * 32 * (64 + 64 + 1));
    expect(whole - diagonalless).toBe(2 * 32 * (1 + 1 + 6 * 32));
    expect(await readdir(at('varied'))).toContain('associative-recall-by-without.svg');
    expect(err).toMatch(/what a state holds: hippo remember --model .*associative-recall-h3-0-without-none --text "/);
  });

  it('says what a run refused, in one sentence', async () => {
    const { code, err } = await synthetic([...quick, '--models', 'h3', '--vocabulary', '4', '--out', at('refused')]);
    expect(code).toBe(1);
    expect(err).toMatch(/hippo: synthetic data: no row may come twice, and the associative-recall language gave only/);
    expect(err).not.toContain('    at ');
  });

  it('writes the examples alone', async () => {
    const { code, err } = await synthetic([...quick, '--write-data', at('data/recall.jsonl')]);
    expect({ code, err }).toEqual({ code: 0, err: `64 training and 20 test examples → ${at('data/recall.jsonl')}\n` });
    const lines = (await readFile(at('data/recall.jsonl'), 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(84);
    expect((await synthetic(['--write-data', at('x')])).code).toBe(2);
  });
});

describe('hippo remember', () => {
  it('shows the states of a model that hippo synthetic trained', async () => {
    const model = at('remembered/models/associative-recall-h3-0');
    expect((await synthetic([...quick, '--models', 'h3', '--out', at('remembered')])).code).toBe(0);
    const words = ['remember', '--model', model, '--text', '0 5 1 7 => 0', '--threads', '1'];
    const { code, out } = await hippo(words);
    expect(code).toBe(0);
    expect(out).toMatch(/^layers\.0, diagonal state by head\n {3}0 {2}5 {2}1 {2}7 {2}=> 0\n/m);
    expect(out).toMatch(/layers\.1, shift state by age in words\n/);
    expect(out).toMatch(/after the last word it says: ([0-7]|\.|=>)\n$/);
    const { states } = JSON.parse((await hippo([...words, '--json'])).out);
    expect(states).toHaveLength(4);
    expect(states[1].magnitudes).toHaveLength(6);
    const drawn = await hippo([...words, '--svg', at('figures/state.svg'), '--layer', '1', '--channels', '0,5']);
    expect(drawn).toMatchObject({ code: 0, out: '' });
    expect(drawn.err).toContain('the state after each of 6 words → ');
    const svg = await readFile(at('figures/state.svg'), 'utf8');
    expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    expect(svg.match(/>=&gt;</g)).toHaveLength(2);
    expect(svg).toContain('layer 1: shift state of channels 0, 5 by age in words');
    expect(svg.length).toBeLessThan(200_000);
    const wrong = await hippo(['remember', '--model', model, '--text', '0 9']);
    expect(wrong.err).toContain('the model\'s 10 words are . 0 1 2 3 4 5 6 7 =>; got "9".');
    expect(wrong.code).toBe(1);
  });
});
