// Runs a piece of TypeScript in a process of its own, so that tests can kill it and limit what it may write. The child reads the
// sources as they are: a loader strips their types.
import { type ChildProcess, spawn } from 'node:child_process';

const loader = `
  import { readFileSync } from 'node:fs';
  import { fileURLToPath } from 'node:url';
  import ts from ${JSON.stringify(import.meta.resolve('typescript'))};
  const compilerOptions = { module: 'ESNext', target: 'ES2022', verbatimModuleSyntax: true };
  export async function load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context);
    const { outputText } = ts.transpileModule(readFileSync(fileURLToPath(url), 'utf8'), { compilerOptions });
    return { format: 'module', source: outputText, shortCircuit: true };
  }
`;
const asUrl = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;
const register = asUrl(`import { register } from 'node:module'; register(${JSON.stringify(asUrl(loader))});`);

export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/**
 * Runs `source`, an ES module whose relative imports begin at this folder.
 * @param options `fileKilobytes`: the largest file the child may write; `onOutput` sees what it has printed so far.
 */
export function runChild(
  source: string,
  options: {
    readonly fileKilobytes?: number;
    readonly onOutput?: (output: string, child: ChildProcess) => void;
  } = {},
): Promise<ChildResult> {
  const here = new URL('.', import.meta.url).href;
  const text = source
    .replaceAll("from './", `from '${here}`)
    .replaceAll("from '../", `from '${new URL('..', here).href}`);
  const limit = options.fileKilobytes === undefined ? '' : `ulimit -f ${options.fileKilobytes}; `;
  const script = `${limit}exec "$0" --no-warnings --import "$1" --input-type=module --eval "$2"`;
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', script, process.execPath, register, text], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
      options.onOutput?.(output, child);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, output }));
  });
}
