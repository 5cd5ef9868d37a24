// Where the time to the first token goes: what `hippo generate` does, one part after the other, in a fresh process. Prints
// milliseconds by part as JSON.
//   node start-up-program.js MODEL PROMPT
const [, , folder = '', prompt = ''] = process.argv;
const parts: Record<string, number> = { 'start of Node': performance.now() };
async function timed<Result>(part: string, work: () => Promise<Result>): Promise<Result> {
  const started = performance.now();
  const result = await work();
  parts[part] = performance.now() - started;
  return result;
}

const { hippo, node } = await timed('import of the library', async () => ({
  hippo: await import('hippo'),
  node: await import('hippo/node'),
}));
const device = await timed('kernels and threads', () => hippo.openDevice());
const { model, store, tokenizer } = await timed('weights', () => node.loadModel(folder, { device }));
const tokens = tokenizer.encode(prompt);
const decoder = hippo.createDecoder(model, { store, capacity: tokens.length + 1 });
await timed('plan of one token', () => decoder.explain(1));
await timed('prompt', () => decoder.feed(tokens));
await timed('end', async () => {
  await decoder.dispose();
  await device.dispose();
});
console.log(JSON.stringify(parts));
