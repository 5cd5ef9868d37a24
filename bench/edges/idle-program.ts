// How much processor time an open device uses while nobody calls it: works for a moment with THREADS threads, waits, and prints the
// seconds of processor time of the wait and its length.
//   node idle-program.js THREADS SECONDS
import { setTimeout } from 'node:timers/promises';
import { enableWideVectors, openDevice } from 'hippo';
import { smallTrainStep } from './small-model.ts';

const [, , threads = '1', seconds = '3'] = process.argv;
enableWideVectors();
await using device = await openDevice({ threads: Number(threads) });
const { step } = await smallTrainStep(device);
for (let i = 0; i < 5; i++) await step();
await setTimeout(100); // the compilers of JavaScript and WebAssembly finish what they have begun
const [cpu, started] = [process.cpuUsage(), performance.now()];
await setTimeout(1000 * Number(seconds));
const { user, system } = process.cpuUsage(cpu);
console.log((user + system) / 1e6, (performance.now() - started) / 1000);
