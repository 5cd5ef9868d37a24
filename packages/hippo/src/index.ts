// The library's public face. Importing it has no side effects; inner files never import this one.

export type { DeviceDetails } from './backends/backend.ts';
export { enableWideVectors, type WideVectors, wideVectors } from './backends/wasm/wide-vectors.ts';
export { openPytorch } from './checkpoint/pytorch/open-pytorch.ts';
export { type ByteSource, memorySource, openSafetensors, type TensorSource } from './checkpoint/safetensors.ts';
export { safetensorsPieces } from './checkpoint/safetensors-writer.ts';
export * from './errors.ts';
export {
  convolutionAgainstRecurrence,
  examinationTokens,
  type GenerationCost,
  measureGeneration,
  relativeDifference,
  scoresOf,
} from './evaluate/examine-model.ts';
export { compileScorer, type Scorer, type TextScore } from './evaluate/perplexity.ts';
export {
  type QuantizationReport,
  type QuantizationReportOptions,
  quantizationReport,
} from './evaluate/quantization-report.ts';
export {
  diagonalMagnitudes,
  type StateHistory,
  type StateSeries,
  shiftMagnitudes,
  stateHistory,
} from './evaluate/state-history.ts';
export { compileLogits, type WeightedModel } from './evaluate/weighted-model.ts';
export { type BeamSearchOptions, beamSearch } from './generate/beam-search.ts';
export { argMax, type CandidateSpace, candidateSpace } from './generate/candidates.ts';
export type { ContinuationOptions, GeneratedToken } from './generate/continuation.ts';
export {
  createDecoder,
  type Decoder,
  type DecoderOptions,
  type ScoreVisitor,
  type TokenDraw,
} from './generate/decoder.ts';
export { type DecoderState, type StateSize, stateBytesPerSequence } from './generate/decoder-state.ts';
export { type SamplingPlace, samplingPlace } from './generate/device-draw.ts';
export type { Beam } from './generate/finished-beams.ts';
export { type GenerateOptions, generate } from './generate/generate.ts';
export {
  type GenerateTextOptions,
  type GenerateTextsOptions,
  generateText,
  generateTexts,
  type TextOptions,
} from './generate/generate-texts.ts';
export { logProbability, type TokenProbability, topLogProbabilities } from './generate/log-probabilities.ts';
export { modelFingerprint } from './generate/model-fingerprint.ts';
export {
  createPromptCache,
  type PromptCache,
  type PromptCacheOptions,
  type PromptCacheStatistics,
} from './generate/prompt-cache.ts';
export { quantizeModel } from './generate/quantize-model.ts';
export { type DrawnToken, randomWords, sampleToken } from './generate/sampler.ts';
export type { SamplingOptions } from './generate/sampling-options.ts';
export { openSession, type Session, type SessionOptions } from './generate/session.ts';
export { stateFromBytes, stateToBytes } from './generate/state-file.ts';
export { type StopFilter, stopFilter } from './generate/stop-strings.ts';
export type { FinishReason, TextPiece, TextToken } from './generate/text-writer.ts';
export { printGraph } from './graph/print.ts';
export { assign, input, read, traceGraph, within } from './graph/trace.ts';
export type { Operation, Value, ValueType } from './graph/value.ts';
export { stateVariable, type Variable } from './graph/variable.ts';
export { type AdaptedCheckpoint, type AdaptOptions, adaptCheckpoint } from './models/adapt-checkpoint.ts';
export type { ConfigOverrides, Setting } from './models/complete-config.ts';
export {
  layerKinds,
  type MixerKind,
  type ModelConfig,
  type ModelConfigInput,
  paddedVocabularySize,
  type QuantizationConfig,
} from './models/config.ts';
export { type LanguageModel, languageModel } from './models/language-model.ts';
export * from './models/parameter-count.ts';
export { parseModelConfig } from './models/parse-config.ts';
export * from './models/presets.ts';
export { quantizedTwin, quantizeTensor } from './models/quantize-model.ts';
export { type H3Without, h3Withouts } from './nn/ssm/h3-mixing.ts';
export * as ops from './ops/index.ts';
export { type BadNumber, type CompiledFunction, compile } from './session/compile.ts';
export { type BackendName, backendNames, type Device, type DeviceOptions, openDevice } from './session/device.ts';
export { createStore, type Store } from './session/store.ts';
export { nearest } from './suggest.ts';
export { type AnswerAccuracy, compileAnswerAccuracy } from './synthetic/accuracy.ts';
export {
  type SyntheticData,
  type SyntheticDataOptions,
  syntheticData,
  syntheticJsonl,
  trainingBatches,
} from './synthetic/data-set.ts';
export {
  type SyntheticMeasurement,
  type SyntheticRun,
  type SyntheticRunOptions,
  syntheticRun,
} from './synthetic/experiment.ts';
export { chanceAccuracy, exampleWidth, type SyntheticLanguage } from './synthetic/language.ts';
export { type SyntheticModelName, syntheticModel, syntheticModelNames } from './synthetic/models.ts';
export {
  paperSteps,
  type SyntheticTask,
  type SyntheticTaskName,
  syntheticOptimizer,
  syntheticTaskNames,
  syntheticTasks,
} from './synthetic/tasks.ts';
export { type SyntheticVocabulary, syntheticVocabulary, wordsOf } from './synthetic/vocabulary.ts';
export type { DType, TypedArray } from './tensor/dtype.ts';
export { type HostTensor, scalarOf, tensor } from './tensor/host-tensor.ts';
export { normals, type PhiloxDraw, philox4x32, uniforms } from './tensor/philox.ts';
export { dequantizeRows, type Quantization, quantizeRows } from './tensor/quantization.ts';
export type { Shape } from './tensor/shape.ts';
export { checkCausality } from './testing/causality.ts';
export { type ConformanceCase, disagreement } from './testing/conformance.ts';
export { checkGradient, type GradientCheckOptions, type GradientCheckResult } from './testing/gradient-check.ts';
export { type BatchOptions, batchAt, checkWindows, splitText } from './text/batches.ts';
export { byteTokenizer } from './text/byte-tokenizer.ts';
export { characterTokenizer } from './text/character-tokenizer.ts';
export { gpt2Tokenizer } from './text/gpt2-tokenizer.ts';
export { loadTokenizer } from './text/load-tokenizer.ts';
export { checkTokens } from './text/stream-decoder.ts';
export type { StreamDecoder, Tokenizer } from './text/tokenizer.ts';
export { type TrainBytePairsOptions, trainBytePairs } from './text/train-byte-pairs.ts';
export { type AdamWOptions, adamWDefaults } from './train/adamw.ts';
export { learningRate, type ScheduleKind, type ScheduleOptions } from './train/schedule.ts';
export { compileTrainStep, type TrainableModel, type TrainStep } from './train/train-step.ts';
export { type TrainEvent, type TrainerState, type TrainingRun, type TrainOptions, train } from './train/trainer.ts';
