// What the kernels of a plan bind: for tests of limits, which need the shapes but no device.
import type { Location, Plan } from '../../../plan/plan.ts';
import { bytesPerElement } from '../../../tensor/dtype.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { WebGpuKernel } from '../kernel-table.ts';

export interface PlanBinding {
  /** The dispatch and the binding in words. */
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** The bindings of each dispatch of a plan, tables aside; what is the same memory is one. */
export function planBindings(plan: Plan<WebGpuKernel>): readonly (readonly PlanBinding[])[] {
  return plan.steps.flatMap(({ kernel, inputs, inputTypes, outputTypes, outputs }) =>
    kernel.dispatches(outputs.map((location) => location !== undefined)).map(({ label, bindings }) => {
      const found = bindings.flatMap(({ name, memory }): (PlanBinding & { readonly place: string })[] => {
        if (memory.space === 'table') return [];
        const [types, locations] = memory.space === 'output' ? [outputTypes, outputs] : [inputTypes, inputs];
        const type = memory.space === 'workspace' ? undefined : types[memory.index];
        const to = type ? elementCount(type.shape) * bytesPerElement(type.dtype) : 0;
        const range = memory.range ?? { from: 0, to };
        const place = memory.space === 'workspace' ? 'workspace' : placeOf(locations[memory.index]);
        return [{ name: `${label}: ${name}`, place: `${place} ${range.from} ${range.to}`, ...range }];
      });
      const distinct = new Map(found.map((one) => [one.place, one]));
      return [...distinct.values()].map(({ name, from, to }) => ({ name, from, to }));
    }),
  );
}

function placeOf(location: Location | undefined): string {
  if (location?.space === 'variable') return location.variable.name;
  return `${location?.space} ${location?.offset}`;
}
