// A stand-in for the browser's Worker on Node's worker threads. @jax-js/jax shares its kernels among threads only where a global
// Worker exists, which Node does not have: with this a comparison on several threads is one. Covers what that library uses.
import { resolveObjectURL } from 'node:buffer';
import { Worker as NodeWorker } from 'node:worker_threads';

const prelude = `const { parentPort } = process.getBuiltinModule('node:worker_threads');
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on('message', (data) => self.onmessage({ data }));
`;

class BrowserWorker {
  onmessage: ((event: { data: unknown }) => void) | undefined;
  onerror: ((error: Error) => void) | undefined;
  readonly #started: Promise<NodeWorker>;

  constructor(url: string) {
    this.#started = this.#start(url);
  }

  async #start(url: string): Promise<NodeWorker> {
    const source = await resolveObjectURL(url)?.text();
    if (source === undefined) throw new Error(`browser worker: there is no object behind ${url}.`);
    const worker = new NodeWorker(prelude + source, { eval: true });
    worker.on('message', (data: unknown) => this.onmessage?.({ data }));
    worker.on('error', (error) => this.onerror?.(error));
    return worker;
  }

  postMessage(message: unknown): void {
    void this.#started.then((worker) => worker.postMessage(message));
  }
}

/** Makes the stand-in global, with `navigator.hardwareConcurrency` saying how many of them to start. */
export function installBrowserWorker(threads: number): void {
  Object.assign(globalThis, { Worker: BrowserWorker });
  Object.defineProperty(globalThis, 'navigator', { value: { hardwareConcurrency: threads }, configurable: true });
}
