// The command line that shows what the state of a trained model holds while it reads an example of its language.
import { type SyntheticModelName, syntheticData, syntheticVocabulary, wordsOf } from 'hippo';
import { isComplete, type RunRecord } from './run-record.ts';

/** Models whose state can be shown, those that recall first; a cache of attention is no summary. */
const shown: readonly SyntheticModelName[] = ['h3', 'hybrid', 's4d', 'gss'];

/** `hippo remember …` for the best of the complete runs; undefined when none has such a state. */
export function lookInsideLine(records: readonly RunRecord[]): string | undefined {
  const complete = records.filter(isComplete);
  const candidates = shown.flatMap((name) => complete.filter(({ model }) => model === name));
  const record = candidates.find(({ solved }) => solved) ?? candidates[0];
  if (!record) return undefined;
  const { language, dataSeed } = record.settings;
  const { test } = syntheticData({ language, trainingExamples: 0, testExamples: 1, seed: dataSeed });
  const words = wordsOf(test.slice(0, -1), syntheticVocabulary(language.vocabulary));
  return `hippo remember --model ${record.modelFolder} --text "${words}"`;
}
