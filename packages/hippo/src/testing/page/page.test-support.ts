// The page: hands the request in its address to a worker and shows the answer, which the test reads.
import { type BackendName, backendNames } from '../../index.ts';
import type { Answer, Request } from './protocol.test-support.ts';

function requestOf(search: string): Request {
  const parameters = new URLSearchParams(search);
  const backend = backendNames.find((name: BackendName) => name === parameters.get('backend'));
  if (!backend) throw new Error(`page: ?backend= must be one of ${backendNames.join(', ')}; got "${search}".`);
  const threads = parameters.get('threads');
  return { backend, ...(threads !== null && { threads: Number(threads) }) };
}

function show(answer: Answer): void {
  const place = document.querySelector('#result');
  if (!place) throw new Error('page: there is no place for the result.');
  place.textContent = JSON.stringify(answer);
  place.classList.add('done');
}

const worker = new Worker(new URL('./worker.test-support.ts', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }: MessageEvent<Answer>) => show(data);
worker.onerror = ({ message }) => show({ error: `the worker did not start: ${message}` });
worker.postMessage(requestOf(location.search));
