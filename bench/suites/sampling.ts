// What choosing one token of 50,257 costs the host, by the cuts that are on, against sorting the whole row first. Every draw must be of
// a token that the sort keeps.
import { type CandidateSpace, candidateSpace, normals, type SamplingOptions, sampleToken } from 'hippo';
import { type Contest, type Contestant, duration } from '../harness/contest.ts';
import { measureAll, type SuiteContext, type SuiteOutcome } from '../harness/suite.ts';

const vocabularySize = 50_257;

const settings: Readonly<Record<string, SamplingOptions>> = {
  greedy: { greedy: true },
  'no cuts': {},
  'top-k 50': { topK: 50 },
  'top-p 0.9': { topP: 0.9 },
  'min-p 0.05': { minP: 0.05 },
  'top-k 50, top-p 0.9, min-p 0.05': { topK: 50, topP: 0.9, minP: 0.05 },
};

/** Ids from the highest score down, and their weights, as far as the cuts go. */
function sorted(scores: Float32Array, { topK = scores.length, topP = 1, minP = 0, greedy }: SamplingOptions) {
  const at = (id: number): number => scores[id] ?? 0;
  const order = Array.from(scores.keys()).sort((a, b) => at(b) - at(a) || a - b);
  const ids = order.slice(0, greedy ? 1 : topK);
  const weights = ids.map((id) => Math.exp(at(id) - at(order[0] ?? 0)));
  const target = topP * weights.reduce((sum, weight) => sum + weight, 0);
  let count = 0;
  for (let mass = 0; count < ids.length && mass < target; count++) mass += weights[count] ?? 0;
  const kept = ids.slice(0, count).filter((_, i) => (weights[i] ?? 0) >= minP);
  return { kept, weights: weights.slice(0, kept.length) };
}

function hippo(scores: Float32Array, options: SamplingOptions): Contestant {
  const space: CandidateSpace = candidateSpace(vocabularySize);
  const draw = (position: number): number => sampleToken(scores, options, { position }, space);
  let position = 0;
  return {
    name: 'Hippo',
    threads: 1,
    prepare: () => ({
      check: () => {
        const kept = new Set(sorted(scores, options).kept);
        const draws = Array.from({ length: 200 }, (_, i) => draw(i));
        return draws.filter((token) => !kept.has(token)).length / draws.length;
      },
      run: () => void draw(position++),
    }),
  };
}

function wholeSort(scores: Float32Array, options: SamplingOptions): Contestant {
  let position = 0;
  return {
    name: 'sorting the row',
    threads: 1,
    prepare: () => ({
      check: () => 0,
      run: () => {
        const { weights } = sorted(scores, options);
        let rest = ((position++ * 0.618) % 1) * weights.reduce((sum, weight) => sum + weight, 0);
        weights.findIndex((weight) => {
          rest -= weight;
          return rest < 0;
        });
      },
    }),
  };
}

export function run(context: SuiteContext): Promise<SuiteOutcome> {
  // As spread as the scores of a trained model of this vocabulary.
  const scores = normals(vocabularySize, { key: [0, 1], stream: 0, counter: 0 }).map((score) => score * 3);
  const contests = Object.entries(settings).map(
    ([name, options]): Contest => ({
      name,
      unit: duration('µs', 1e6),
      tolerance: 0,
      contestants: [hippo(scores, options), wholeSort(scores, options)],
    }),
  );
  return measureAll(contests, context);
}
