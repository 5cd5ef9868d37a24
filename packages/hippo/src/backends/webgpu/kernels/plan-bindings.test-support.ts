// What the kernels of a plan bind: for tests of limits, which need the shapes but no device.
import type { Plan } from '../../../plan/plan.ts';
import { bytesPerElement } from '../../../tensor/dtype.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { WebGpuKernel } from '../kernel-table.ts';

export interface PlanBinding {
  /** The dispatch and the binding in words. */
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** The bindings of each dispatch of a plan, tables aside. */
export function planBindings(plan: Plan<WebGpuKernel>): readonly (readonly PlanBinding[])[] {
  return plan.steps.flatMap(({ kernel, inputTypes, outputTypes, outputs }) =>
    kernel.dispatches(outputs.map((location) => location !== undefined)).map(({ label, bindings }) =>
      bindings.flatMap(({ name, memory }) => {
        if (memory.space === 'table') return [];
        const types = memory.space === 'output' ? outputTypes : inputTypes;
        const type = memory.space === 'workspace' ? undefined : types[memory.index];
        const to = type ? elementCount(type.shape) * bytesPerElement(type.dtype) : 0;
        return [{ name: `${label}: ${name}`, ...(memory.range ?? { from: 0, to }) }];
      }),
    ),
  );
}
