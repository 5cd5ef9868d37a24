// Training steps of the small model in a process of its own (harness/child.ts): the suite starts it with all cores and with one.
//   node train-program.js [THREADS]
// "values 0 1 2 3" are the loss of the first step, the threads in use, and resident and planned bytes.
import { createInterface } from 'node:readline';
import { enableWideVectors, openDevice } from 'hippo';
import { smallTrainStep } from './small-model.ts';

const [, , threads] = process.argv;
enableWideVectors();
await using device = await openDevice(threads === undefined ? {} : { threads: Number(threads) });
const { step, plannedBytes } = await smallTrainStep(device);
let firstLoss: number | undefined;

async function answer(line: string): Promise<readonly number[]> {
  const [kind, ...words] = line.split(' ');
  if (kind === 'values') {
    firstLoss ??= await step();
    const inUse = Number(/(\d+) threads?/.exec(device.description)?.[1]);
    const all = [firstLoss, inUse, process.resourceUsage().maxRSS * 1024, plannedBytes];
    return words.map((place) => all[Number(place)] ?? Number.NaN);
  }
  const started = performance.now();
  for (let i = Number(words[0]); i > 0; i--) await step();
  return [(performance.now() - started) / 1000];
}

console.log('ready ');
for await (const line of createInterface({ input: process.stdin })) console.log((await answer(line)).join(' '));
