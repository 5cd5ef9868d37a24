// What needs Node: files, model folders, run folders. Imported as `hippo/node`, so that browsers never see it.
export { openFileSource, replaceFile } from './node/files.ts';
export { type GenerationDefaults, readGenerationDefaults } from './node/generation-config.ts';
export { cachedSnapshot, type PullOptions, type PullProgress, pull } from './node/hub/pull.ts';
export { resolveModelPath } from './node/hub/resolve-model-path.ts';
export {
  type LoadedModel,
  loadModel,
  type ModelToSave,
  openWeights,
  readModelConfig,
  resolveModelFolder,
  saveModel,
  tensorsOf,
} from './node/model-folder.ts';
export { openRunFolder, type RunFolder, type RunRecord } from './node/run-folder.ts';
export { loadState, saveState } from './node/state-file.ts';
export { holdsTokenizer, loadTokenizerFolder, saveTokenizer } from './node/tokenizer-folder.ts';
