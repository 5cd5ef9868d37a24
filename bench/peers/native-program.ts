// Compiles a C program of native/ for this machine, once a process.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Unavailable } from '../harness/errors.ts';

const compiled = new Map<string, Promise<string>>();

/**
 * The path of the compiled program.
 * @throws Unavailable without gcc, or without a header or library that the program needs.
 */
export function nativeProgram(name: string, libraries: readonly string[]): Promise<string> {
  const known = compiled.get(name) ?? compileProgram(name, libraries);
  compiled.set(name, known);
  return known;
}

async function compileProgram(name: string, libraries: readonly string[]): Promise<string> {
  const source = fileURLToPath(new URL(`../../native/${name}.c`, import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'hippo-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, name);
  const flags = ['-O3', '-march=native', '-ffast-math', source, '-o', program, ...libraries.map((each) => `-l${each}`)];
  try {
    await promisify(execFile)('gcc', flags);
  } catch (error) {
    const { code, stderr = '' } = error as NodeJS.ErrnoException & { stderr?: string }; // what execFile rejects with
    if (code === 'ENOENT') throw new Unavailable('gcc is not installed');
    const missing = /fatal error: (\S+): No such file|cannot find -l(\S+)/.exec(stderr);
    if (missing) throw new Unavailable(`${missing[1] ?? `lib${missing[2]}`} is not installed`);
    throw error;
  }
  return program;
}
