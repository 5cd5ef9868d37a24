// A compiled Hippo function whose operands and results stay in device memory, so that a run is its kernels and nothing else.
import { assign, compile, createStore, type Device, read, type Shape, stateVariable, type Value } from 'hippo';

export interface Operand {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export interface HippoPlan {
  run(): Promise<void>;
  /** The results of the last run. */
  results(): Promise<readonly ArrayLike<number>[]>;
  dispose(): void;
}

/** Compiles `build`; `shapes` are those of the values it gives. */
export async function hippoPlan<Names extends string>(
  device: Device,
  operands: Readonly<Record<Names, Operand>>,
  shapes: readonly Shape[],
  build: (values: Readonly<Record<Names, Value>>) => readonly Value[],
): Promise<HippoPlan> {
  const store = createStore(device);
  const given = Object.entries<Operand>(operands).map(([name, { shape, data }]) => {
    const variable = stateVariable(name, shape);
    store.initialize([variable]);
    store.write(variable, { shape, dtype: 'f32', data });
    return [name, variable] as const;
  });
  const outputs = shapes.map((shape, i) => stateVariable(`result${i}`, shape));
  store.initialize(outputs);
  const compiled = await compile(
    () => {
      const values = Object.fromEntries(given.map(([name, variable]) => [name, read(variable)]));
      const built = build(values as Record<Names, Value>); // the names of `operands`
      built.forEach((value, i) => {
        const output = outputs[i];
        if (output) assign(output, value);
      });
      return undefined;
    },
    { store },
  );
  return {
    run: async () => void (await compiled({})),
    results: () => Promise.all(outputs.map(async (output) => (await store.read(output)).data)),
    dispose: () => {
      compiled.dispose();
      store.dispose();
    },
  };
}
