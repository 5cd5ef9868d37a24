// Encodes dispatches that are ready: what JavaScript does for each of them in every run.

/** A dispatch that only has to be encoded. */
export interface ReadyDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
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
