// What needs Node: files, model folders, run folders. Imported as `hippo/node`, so that browsers never see it.
export { type Conversion, type ConvertOptions, convertModel } from './node/convert-model.ts';
export { openFileSource, replaceFile } from './node/files.ts';
export { type GenerationDefaults, readGenerationDefaults } from './node/generation-config.ts';
export { cachedSnapshot, type PullOptions, type PullProgress, pull } from './node/hub/pull.ts';
export { resolveModelPath } from './node/hub/resolve-model-path.ts';
export { type LoadedModel, type LoadModelOptions, loadModel } from './node/load-model.ts';
export { type ModelToSave, saveModel, tensorsOf } from './node/model-folder.ts';
export {
  type Checkpoint,
  type CheckpointOrigin,
  type OpenCheckpointOptions,
  openCheckpoint,
} from './node/open-checkpoint.ts';
export { type QuantizedFolder, quantizeFolder } from './node/quantize-folder.ts';
export { readModelConfig, resolveModelFolder } from './node/resolve-model-folder.ts';
export { openRunFolder, type RunFolder, type RunRecord } from './node/run-folder.ts';
export { loadState, saveState } from './node/state-file.ts';
export { holdsTokenizer, loadTokenizerFolder, saveTokenizer } from './node/tokenizer-folder.ts';
export { openWeights } from './node/weight-files.ts';
