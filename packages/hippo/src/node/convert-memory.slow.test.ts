// Converting the largest released model, 2.7 billion parameters, in far less memory than its largest tensor: a file of that shape is
// made up as it is read, goes through the whole of conversion but for the disk, and the process reports its peak.
import { expect, it } from 'vitest';
import { runChild } from './child.test-support.ts';

const source = `
import { openSafetensors } from '../checkpoint/safetensors.ts';
import { safetensorsPieces } from '../checkpoint/safetensors-writer.ts';
import { adaptCheckpoint } from '../models/adapt-checkpoint.ts';
import { languageModel } from '../models/language-model.ts';
import { preset } from '../models/presets.ts';
import { tensorsToConvert } from './convert-model.ts';

// Names and sizes of the released file, in f16 and with the tied head stored twice.
const model = languageModel(preset('h3-2.7b'));
const header = {};
let end = 0;
const head = { name: 'lm_head.weight', shape: [50264, 2560] };
for (const { name, shape } of [...model.variables, head]) {
  const begin = end;
  end += 2 * shape.reduce((a, b) => a * b, 1);
  header[name] = { dtype: 'F16', shape, data_offsets: [begin, end] };
}
const text = new TextEncoder().encode(JSON.stringify(header));
const start = 8 + text.length;
const file = {
  name: 'virtual.safetensors',
  size: start + end,
  async read(offset, length) {
    const bytes = new Uint8Array(length);
    if (offset < 8) new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    else if (offset < start) bytes.set(text.subarray(offset - 8, offset - 8 + length));
    return bytes;
  },
};
const { config, weights } = await adaptCheckpoint(await openSafetensors(file), { file: file.name });
let written = 0;
for await (const piece of safetensorsPieces(tensorsToConvert(model.variables, weights), { floats: 'bf16' }))
  written += piece.length;
const peak = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ tied: config.tie_embeddings, written, peak }));
`;

const parameters = 2_671_134_720;

it('2.7 billion parameters from f16 to bf16 stay under half a gigabyte', async () => {
  const { output, code } = await runChild(source);
  expect({ code, output }).toMatchObject({ code: 0 });
  const report = JSON.parse(output) as { tied: boolean; written: number; peak: number };
  expect(report.tied).toBe(true);
  // bf16 but for the header and the state spaces' own f32.
  expect(report.written).toBeGreaterThan(2 * parameters);
  expect(report.written).toBeLessThan(2.02 * parameters);
  expect(report.peak).toBeLessThan(512);
});
