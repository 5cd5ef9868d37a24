import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { currentPath, input, traceGraph } from '../graph/trace.ts';
import { neg } from '../ops/index.ts';
import { zeros } from './initialize.ts';
import { linear } from './linear.ts';
import { rootScope } from './scope.ts';

describe('scopes', () => {
  it('name parameters by their path and list them in order', () => {
    const root = rootScope();
    const layer = root.child('backbone').child('layers.0');
    layer.child('mixer').parameter('weight', [2, 3], { initialize: zeros, group: { decay: false } });
    root.parameter('bias', [1], { initialize: zeros });
    expect(layer.path).toBe('backbone.layers.0');
    expect(root.variables.map(({ name }) => name)).toEqual(['backbone.layers.0.mixer.weight', 'bias']);
    expect(root.variables[0]).toMatchObject({
      shape: [2, 3],
      dtype: 'f32',
      kind: 'parameter',
      group: { decay: false },
    });
    expect(layer.variables).toBe(root.variables);
  });

  it('refuse a name twice, whichever scope declares it', () => {
    const root = rootScope();
    root.child('a').child('b').parameter('w', [1], { initialize: zeros });
    const again = () => root.child('a.b').parameter('w', [1], { initialize: zeros });
    expect(again).toThrow(UsageError);
    expect(again).toThrow(/"a\.b\.w" twice/);
  });

  it.each([[[0]], [[2, -1]], [[1.5]], [[Number.NaN]]])('refuse the shape %j', (shape) => {
    expect(() => rootScope().parameter('w', shape, { initialize: zeros })).toThrow(/whole numbers of at least 1/);
  });

  it('declaring a huge parameter allocates nothing', () => {
    const before = process.memoryUsage().rss;
    linear(rootScope(), { inputs: 200_000, outputs: 200_000 });
    expect(process.memoryUsage().rss - before).toBeLessThan(50e6);
  });

  it('record their path in the values made inside', () => {
    const scope = rootScope().child('model').child('layers.3');
    const graph = traceGraph(() =>
      scope.within(() => {
        expect(currentPath()).toBe('layers.3');
        return { y: scope.child('mlp').within(() => neg(input('x', { shape: [], dtype: 'f32' }))) };
      }),
    );
    expect(graph.outputs.get('y')?.node.origin.path).toBe('layers.3.mlp');
  });
});
