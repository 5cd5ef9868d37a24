// Generation with the preset h3-125m at batch 1 on a GPU: tokens a second, prefill, and the time of each kind of kernel.
import { createDecoder, createStore, generate, languageModel, parseModelConfig, preset } from 'hippo';
import { quickNumbers } from '../suites/quick-numbers.ts';
import { gpuArguments, median, openGpu, writeJson } from './report.ts';

const options = gpuArguments();
await using device = await openGpu(options);
using store = createStore(device);
const config = options.small
  ? parseModelConfig({ vocab_size: 96, d_model: 64, n_layer: 2, attn_layer_idx: [1], num_heads: 2, d_inner: 256 })
  : preset('h3-125m');
const model = languageModel(config);
for (const variable of model.variables) store.write(variable, quickNumbers(variable));
console.log(device.description);
const decoder = createDecoder(model, { store, capacity: options.small ? 256 : 2048 });
const prompt = Array.from({ length: options.small ? 17 : 1024 }, (_, i) => (i * 7919) % config.vocab_size);
const prefills: number[] = [];
// Enough of them for a GPU to raise its clock.
for (let i = 0; i < (options.small ? 2 : 60); i++) {
  decoder.reset();
  const began = performance.now();
  await decoder.feed(prompt);
  prefills.push(performance.now() - began);
}
// The first one compiles.
const prefill = median(prefills.slice(prefills.length / 2));
const seconds: number[] = [];
let last = performance.now();
for await (const { index } of generate(model, {
  store,
  prompt: [1],
  maxTokens: options.small ? 20 : 400,
  greedy: true,
})) {
  const now = performance.now();
  // The first tokens compile.
  if (index > 4) seconds.push((now - last) / 1000);
  last = now;
}
const each = median(seconds);
console.log(
  `${options.precision}: prefill of ${prompt.length} in ${prefill.toFixed(1)} ms; ${(1e3 * each).toFixed(3)} ms a token, ${(1 / each).toFixed(0)} tokens/s`,
);
console.log((await decoder.explain(1)).split('\n').slice(-2).join('\n'));
writeJson(options.output, {
  name: 'generation',
  device: device.description,
  precision: options.precision,
  prefillMilliseconds: prefill,
  millisecondsPerToken: 1e3 * each,
  tokensPerSecond: 1 / each,
});
await decoder.dispose();
