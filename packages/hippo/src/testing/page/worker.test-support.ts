// The worker: trains a small hybrid on a rhyme and lets it write, as a page with Hippo would, off the page's own thread.
import { batchAt, characterTokenizer, createStore, generate, languageModel, openDevice, train } from '../../index.ts';
import type { Answer, Outcome, Request } from './protocol.test-support.ts';

const rhyme = 'row row row your boat gently down the stream\nmerrily merrily merrily merrily life is but a dream\n';
const sizes = { batch: 4, length: 32 } as const;
const steps = 40;

async function trainAndWrite({ backend, threads }: Request): Promise<Outcome> {
  const tokenizer = characterTokenizer(rhyme);
  const tokens = tokenizer.encode(rhyme.repeat(8));
  const model = languageModel({
    vocab_size: tokenizer.vocabularySize,
    d_model: 32,
    n_layer: 2,
    attn_layer_idx: [1],
    num_heads: 4,
    d_state: 8,
    embed_dropout: 0,
  });
  await using device = await openDevice({ backend, ...(threads !== undefined && { threads }) });
  const store = createStore(device);
  store.initialize(model.variables, { seed: 1 });
  const losses: number[] = [];
  const run = {
    model,
    store,
    batchAt: (at: { step: number; micro: number }) => batchAt({ tokens, ...sizes, seed: 0 }, at),
  };
  const schedule = { kind: 'constant', peak: 1e-2, warmupSteps: 4, decaySteps: steps, floor: 1 } as const;
  for await (const event of train(run, { steps, ...sizes, schedule }))
    if (event.kind === 'step') losses.push(event.loss);
  const written: number[] = [];
  const prompt = tokenizer.encode('row ');
  for await (const { token } of generate(model, { store, prompt, maxTokens: 40, temperature: 0 })) written.push(token);
  return {
    isolated: globalThis.crossOriginIsolated,
    description: device.description,
    losses,
    tokens: written,
    text: tokenizer.decode(written),
  };
}

addEventListener('message', async ({ data }: MessageEvent<Request>) => {
  let answer: Answer;
  try {
    answer = { outcome: await trainAndWrite(data) };
  } catch (error) {
    answer = { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
  postMessage(answer);
});
