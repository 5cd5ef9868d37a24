// Every error Hippo throws on purpose. One base class, a stable `code`, and the facts as fields.
// The sentence is always: who, where in the model: the rule; what was got. What to do.

/** The base of all Hippo errors. `code` is stable across versions; `facts` holds what the sentence says, as data. */
export class HippoError extends Error {
  // Written out in every class: bundlers shorten the names of classes.
  override name = 'HippoError';
  readonly code: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, facts: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.facts = facts;
  }
}

/** Shapes, dtypes or attributes that an operation does not accept, found while tracing. */
export class TraceError extends HippoError {
  override name = 'TraceError';
}

/** A graph that broke a rule of the compiler between two passes: a defect of Hippo, never of the user. */
export class VerifyError extends HippoError {
  override name = 'VerifyError';
}

/** No backend, no kernel, or a limit of the device that the program exceeds. */
export class BackendError extends HippoError {
  override name = 'BackendError';
}

/** Bad arguments to a library function: an option out of range, an empty prompt, an unknown name. */
export class UsageError extends HippoError {
  override name = 'UsageError';
}

/** Token ids or text that the model or the data set cannot take. */
export class DataError extends HippoError {
  override name = 'DataError';
}

/** A checkpoint, config or tensor file that is damaged, or that disagrees with what was asked. */
export class CheckpointError extends HippoError {
  override name = 'CheckpointError';
}

/** A model hub that cannot be reached, that refuses, or that sends what is not the file. */
export class HubError extends HippoError {
  override name = 'HubError';
}

/** A number in training went bad (NaN or infinity). `facts.tensor` names the first one. */
export class NumericError extends HippoError {
  override name = 'NumericError';
}
