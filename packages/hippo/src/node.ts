// What needs Node: files, model folders, run folders. Imported as `hippo/node`, so that browsers never see it.
export { openFileSource, replaceFile } from './node/files.ts';
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
export { type QuantizedFolder, quantizeFolder } from './node/quantize-folder.ts';
export { openRunFolder, type RunFolder, type RunRecord } from './node/run-folder.ts';
