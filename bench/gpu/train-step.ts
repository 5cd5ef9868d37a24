// A training step of the preset h3-125m at 2,048 tokens on a GPU: tokens a second, and the time of each kind of kernel.
import { adamWDefaults, compileTrainStep, createStore, languageModel, parseModelConfig, preset } from 'hippo';
import { quickNumbers } from '../suites/quick-numbers.ts';
import { byKernel, gpuArguments, median, openGpu, printKernels, printSteps, writeJson } from './report.ts';

const options = gpuArguments();
await using device = await openGpu(options);
using store = createStore(device);
const config = options.small
  ? parseModelConfig({ vocab_size: 96, d_model: 64, n_layer: 2, attn_layer_idx: [1], num_heads: 2, d_inner: 256 })
  : { ...preset('h3-125m'), embed_dropout: 0, resid_dropout: 0, attn_dropout: 0 };
const [batch, length] = options.small ? [1, 128] : [options.batch, 2048];
const model = languageModel(config);
for (const variable of model.variables) store.write(variable, quickNumbers(variable));
console.log(device.description);
const compiling = performance.now();
using step = await compileTrainStep(model, {
  store,
  batch,
  length,
  optimizer: adamWDefaults,
  clip: 1,
  accumulation: 1,
  seed: 0,
});
const compiled = (performance.now() - compiling) / 1000;
const tokens = Int32Array.from({ length: batch * (length + 1) }, (_, i) => (i * 7919) % config.vocab_size);
const losses: number[] = [];
const seconds: number[] = [];
for (let at = 0; at < (options.small ? 5 : 25); at++) {
  const started = performance.now();
  const { loss } = await step.run([tokens], { step: at, learningRate: 1e-4 });
  seconds.push((performance.now() - started) / 1000);
  losses.push(loss);
}
const steps = step.plans.flatMap((plan) => plan.steps);
const profile = await step.profile(tokens, options.small ? 1 : 5);
const times = byKernel(
  steps,
  profile.map((one) => one.seconds),
);
const onDevice = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
const whole = 1e3 * median(seconds.slice(2));
const tokensPerSecond = Math.round((batch * length) / (whole / 1e3));
console.log(
  `compiled in ${compiled.toFixed(1)} s, ${steps.length} steps; losses ${losses
    .slice(0, 4)
    .map((x) => x.toFixed(4))
    .join(' ')} … ${losses.at(-1)?.toFixed(4)}`,
);
console.log(
  `${options.precision}: ${whole.toFixed(2)} ms a step, ${tokensPerSecond} tokens/s; kernels alone ${onDevice.toFixed(2)} ms`,
);
printKernels(times);
printSteps(profile);
writeJson(options.output, {
  name: 'train-step',
  device: device.description,
  precision: options.precision,
  batch,
  length,
  millisecondsPerStep: whole,
  tokensPerSecond,
  kernelMilliseconds: onDevice,
  compileSeconds: compiled,
  losses,
  kernels: times,
});
