// What a dispatch costs: JavaScript's share, encoding and submitting until the call returns, and the whole until its result is here.
import { compile, createStore, ops } from 'hippo';
import { gpuArguments, median, openGpu, writeJson } from './report.ts';

const options = gpuArguments();
await using device = await openGpu(options);
using store = createStore(device);
console.log(device.description);
const results: {
  readonly dispatches: number;
  readonly encodeMicroseconds: number;
  readonly wholeMicroseconds: number;
}[] = [];
for (const dispatches of options.small ? [1, 200] : [1, 10, 100, 1000]) {
  // A transposed operand is read through strides by the sum that follows it, and the next transpose cannot join that group.
  using run = await compile(
    ({ x }) => {
      let y = x;
      for (let i = 0; i < dispatches; i++) y = ops.add(ops.transpose(y, [1, 0]), 1);
      return { y };
    },
    { store, inputs: { x: { shape: [16, 16], dtype: 'f32' } } },
  );
  if (run.plan.steps.length !== dispatches) throw new Error(`the plan has ${run.plan.steps.length} steps`);
  const x = new Float32Array(256);
  const [encode, whole]: [number[], number[]] = [[], []];
  for (let i = 0; i < 200; i++) {
    const started = performance.now();
    const pending = run({ x });
    encode.push(1e3 * (performance.now() - started));
    await pending;
    whole.push(1e3 * (performance.now() - started));
  }
  const result = {
    dispatches,
    encodeMicroseconds: median(encode.slice(20)),
    wholeMicroseconds: median(whole.slice(20)),
  };
  results.push(result);
  console.log(
    `${String(dispatches).padStart(5)} dispatches: ${result.encodeMicroseconds.toFixed(0)} µs of JavaScript (${(result.encodeMicroseconds / dispatches).toFixed(2)} each), ${result.wholeMicroseconds.toFixed(0)} µs in all (${(result.wholeMicroseconds / dispatches).toFixed(2)} each)`,
  );
}
writeJson(options.output, { name: 'dispatch', device: device.description, results });
