// The graph of a whole training step, for tests that plan it and run nothing.
import { input, read, traceGraph } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import type { ModelConfigInput } from '../../models/config.ts';
import { languageModel } from '../../models/language-model.ts';
import { gradient } from '../../ops/index.ts';
import { adamWDefaults, applyAdamW, clipFactor, globalNorm, momentsOf } from '../../train/adamw.ts';

const scalar = { shape: [], dtype: 'f32' } as const;

/** Forward, backward, clipping and AdamW of a language model on windows of `length` tokens. */
export function trainingStep(config: ModelConfigInput, batch: number, length: number) {
  const model = languageModel(config);
  return traceGraph(() => {
    const tokens = input('tokens', { shape: [batch, length + 1], dtype: 'i32' });
    const key = input('key', { shape: [2], dtype: 'u32' });
    const loss = model.loss(tokens, { random: { key, counter: input('counter', { shape: [], dtype: 'i32' }) } });
    const values = gradient(
      loss,
      model.variables.map((variable) => read(variable)),
    );
    const gradients = new Map(model.variables.map((variable, i) => [variable, values[i] as Value]));
    const norm = globalNorm(values);
    const [rate, correction1, correction2, healthy] = ['rate', 'one', 'two', 'healthy'].map((name) =>
      input(name, scalar),
    );
    applyAdamW(gradients, momentsOf(model.variables), {
      scalars: { rate, correction1, correction2 } as Record<'rate' | 'correction1' | 'correction2', Value>,
      scale: clipFactor(norm, 1),
      healthy: healthy as Value,
      options: adamWDefaults,
    });
    return { loss };
  });
}
