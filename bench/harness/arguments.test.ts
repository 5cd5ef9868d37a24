import { describe, expect, it } from 'vitest';
import { parseCommand } from './arguments.ts';
import { BenchError } from './errors.ts';

const parse = (...argv: string[]) => parseCommand(argv, { suites: ['matmul', 'fft-conv'], cores: 2 });

describe('parseCommand', () => {
  it('runs all suites with one and two threads by default', () => {
    expect(parse()).toEqual({
      ...{ kind: 'run', names: ['matmul', 'fft-conv'], threads: [1, 2], rounds: 11 },
      ...{ label: undefined, node: undefined },
    });
    expect(parseCommand([], { suites: ['matmul'], cores: 1 })).toMatchObject({ threads: [1] });
  });

  it('reads names, threads, rounds, label and node', () => {
    expect(parse('fft-conv', '--threads', '1,4', '--rounds=3', '--label', 'quiet', '--node', '/opt/node')).toEqual({
      ...{ kind: 'run', names: ['fft-conv'], threads: [1, 4], rounds: 3, label: 'quiet', node: '/opt/node' },
    });
  });

  it('knows list, render and help', () => {
    expect(parse('list')).toEqual({ kind: 'list' });
    expect(parse('render')).toEqual({ kind: 'render' });
    expect(parse('matmul', '--help')).toEqual({ kind: 'help' });
  });

  it('refuses an unknown suite with the nearest name, an unknown option, and a number that is none', () => {
    expect(() => parse('matmull')).toThrow(
      'bench: there is no suite "matmull". Did you mean "matmul"? `npm run bench -- list` lists them.',
    );
    expect(() => parse('training')).toThrow('bench: there is no suite "training". `npm run bench -- list` lists them.');
    expect(() => parse('--round', '3')).toThrow(BenchError);
    expect(() => parse('--threads', '1,x')).toThrow('bench: --threads takes whole numbers from 1; got "x".');
    expect(() => parse('--rounds', '0')).toThrow('bench: --rounds takes whole numbers from 1; got "0".');
  });
});
