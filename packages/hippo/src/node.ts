// What needs Node: files, model folders, run folders. Imported as `hippo/node`, so that browsers never see it.
export { openFileSource, replaceFile } from './node/files.ts';
export {
  type LoadedModel,
  type LoadedWeights,
  loadModel,
  loadWeights,
  type ModelToSave,
  openWeights,
  readModelConfig,
  resolveModelFolder,
  saveModel,
  tensorsOf,
} from './node/model-folder.ts';
export { openRunFolder, type RunFolder, type RunRecord } from './node/run-folder.ts';
