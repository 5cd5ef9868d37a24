// The jax-js rival as a process of its own: reads the exercise, then does training steps (step-program.ts).
//   node h3-jax-program.js EXERCISE THREADS
// The library decides about threads when it is imported, so the stand-in for the browser's Worker must be there before.
import { installBrowserWorker } from './browser-worker.ts';

const [, , path = '', threadsText = '1'] = process.argv;
const threads = Number(threadsText);
if (threads > 1) installBrowserWorker(threads);
const { serveJax } = await import('./h3-jax-serve.ts');
await serveJax(path);
process.exit(0); // its threads would keep the process
