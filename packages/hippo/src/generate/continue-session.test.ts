// Text that goes on from a session: the same as in one go, nothing read twice, and the session has read what came out.
import { expect, it } from 'vitest';
import { characterTokenizer } from '../text/character-tokenizer.ts';
import { generate } from './generate.ts';
import { generateTexts } from './generate-texts.ts';
import { hybrid, openModel, text } from './models.test-support.ts';
import { openSession } from './session.ts';

const prompt = text(20);
const capacity = 64;

async function tokensOf(events: AsyncGenerator<{ token: number }>): Promise<number[]> {
  const tokens: number[] = [];
  for await (const { token } of events) tokens.push(token);
  return tokens;
}

it('goes on as if it had never stopped', async () => {
  const { model, store } = await openModel(hybrid);
  const draws = { store, seed: 5, temperature: 0.9, topK: 10 };
  const whole = await tokensOf(generate(model, { ...draws, prompt, maxTokens: 16 }));
  await using session = openSession(model, { store, capacity });
  const first = await tokensOf(generate(model, { ...draws, session, prompt, maxTokens: 7 }));
  expect(session.position).toBe(27);
  const second = await tokensOf(generate(model, { ...draws, session, prompt: [], maxTokens: 9 }));
  expect([...first, ...second]).toEqual(whole);
  expect(session.position).toBe(36);
});

it('has read every token that came out when its reader leaves', async () => {
  const { model, store } = await openModel(hybrid);
  await using session = openSession(model, { store, capacity });
  for await (const { index } of generate(model, { store, session, prompt, maxTokens: 9 })) if (index === 3) break;
  expect(session.position).toBe(24);
});

it('gives two forks two texts', async () => {
  const { model, store } = await openModel(hybrid);
  await using session = openSession(model, { store, capacity });
  await session.append(prompt);
  await using fork = await session.fork();
  const draw = (from: typeof session, seed: number) =>
    tokensOf(generate(model, { store, session: from, prompt: [], maxTokens: 12, seed }));
  const [a, b] = [await draw(session, 1), await draw(fork, 2)];
  expect(a).not.toEqual(b);
  expect(a).toEqual(await tokensOf(generate(model, { store, prompt, maxTokens: 12, seed: 1 })));
});

it('refuses nothing to go on from, and more than one text', async () => {
  const { model, store } = await openModel(hybrid);
  await using session = openSession(model, { store, capacity });
  await expect(tokensOf(generate(model, { store, session, prompt: [], maxTokens: 2 }))).rejects.toThrow(
    'neither the session nor the prompt has a token to go on from',
  );
  const letters = String.fromCodePoint(...Array.from({ length: model.config.vocab_size }, (_, i) => 0x4e00 + i));
  const tokenizer = characterTokenizer(letters);
  const several = generateTexts(model, { store, session, tokenizer, prompts: [[1], [2]], maxTokens: 2 });
  await expect(several.next()).rejects.toThrow('session and several prompts contradict each other');
  const samples = generateTexts(model, { store, session, tokenizer, prompts: [[1]], samples: 2, maxTokens: 2 });
  await expect(samples.next()).rejects.toThrow('session and samples contradict each other');
});
