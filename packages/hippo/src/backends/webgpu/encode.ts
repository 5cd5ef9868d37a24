// Encodes dispatches that are ready: what JavaScript does for each of them in every run.

/** A dispatch that only has to be encoded. */
export interface ReadyDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Dispatches of one command buffer: JavaScript takes as long to encode so many as a device to run so many small ones. */
const dispatchesPerPart = 24;

/** Command buffers for a list of dispatches: what encodes each. */
export function encodeParts(dispatches: readonly ReadyDispatch[]): readonly ((encoder: GPUCommandEncoder) => void)[] {
  return Array.from({ length: Math.ceil(dispatches.length / dispatchesPerPart) }, (_, part) => {
    const some = dispatches.slice(part * dispatchesPerPart, (part + 1) * dispatchesPerPart);
    return (encoder: GPUCommandEncoder) => encodeDispatches(encoder, some);
  });
}

/** One compute pass; WebGPU puts the barriers between dispatches itself. */
export function encodeDispatches(
  encoder: GPUCommandEncoder,
  dispatches: readonly ReadyDispatch[],
  descriptor: GPUComputePassDescriptor = {},
): void {
  const pass = encoder.beginComputePass(descriptor);
  let current: GPUComputePipeline | undefined;
  for (const { pipeline, bindings, workgroups } of dispatches) {
    if (pipeline !== current) pass.setPipeline(pipeline);
    current = pipeline;
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
  }
  pass.end();
}
