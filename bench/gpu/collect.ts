// Makes results/webgpu.json of the files that the programs of this folder left on another machine:
//   node bench/dist/gpu/collect.js FOLDER "PROCESSOR, as the result should name it"
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeMachine } from '../harness/machine.ts';
import { createResult, writeResult } from '../harness/report.ts';
import { gpuOutcome } from '../suites/webgpu.ts';

const [folder = '.', processor = 'unknown', cores = '16'] = process.argv.slice(2);
const { device } = JSON.parse(readFileSync(join(folder, 'dispatch.json'), 'utf8')) as { readonly device: string };
const machine = { ...describeMachine(), processor, cores: Number(cores) };
const result = createResult(gpuOutcome(folder), { suite: 'webgpu', device, rounds: 0, limits: [], machine });
writeResult(fileURLToPath(new URL('../../results', import.meta.url)), result);
