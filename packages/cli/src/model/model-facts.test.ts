import { languageModel, preset } from 'hippo';
import { expect, it } from 'vitest';
import { factsOf, formatLayers } from './model-facts.ts';

it('the facts of the 125M hybrid are those of its formulas', () => {
  const facts = factsOf(languageModel(preset('h3-125m')), 2048);
  const [h3, attention] = facts.kinds;
  const rest = 8 * 768 ** 2 + 5 * 768 + 4 * 768;
  expect(h3).toEqual({
    kind: 'h3',
    layers: [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11],
    parameters: 4 * 768 ** 2 + 4 * 768 + 323 * 768 + rest,
  });
  expect(attention).toEqual({ kind: 'attention', layers: [6], parameters: 4 * 768 ** 2 + 4 * 768 + rest });
  // Per H3 layer and channel the last 63 inputs and 32 complex numbers; keys and values of one layer.
  expect(facts.recurrentStateBytes).toBe(11 * 768 * (63 + 64) * 4);
  expect(facts.attentionCache).toEqual([1024, 2048, 8192].map((tokens) => ({ tokens, bytes: 2 * 768 * 4 * tokens })));
  expect(factsOf(languageModel(preset('h3-125m')), 100).attentionCache[0]).toEqual({ tokens: 100, bytes: 614_400 });
});

it.each([
  [[], ''],
  [[3], '3'],
  [[0, 1, 2, 4, 6, 7], '0–2, 4, 6–7'],
])('layers %j → %s', (layers, text) => {
  expect(formatLayers(layers)).toBe(text);
});
