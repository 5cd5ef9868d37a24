// The cost model takes the form that measurements at these sizes showed to be cheapest by a clear margin.
import { describe, expect, it } from 'vitest';
import { chooseForm, chooseGradientForm } from './diagonal-ssm-cost.ts';

describe('forms of the diagonal SSM', () => {
  it.each([
    [1, 1, 32, 'scan'],
    [1, 4, 4, 'scan'],
    [16, 1, 32, 'scan'],
    [64, 1, 32, 'scan'],
    [256, 1, 4, 'chunked'],
    [256, 4, 32, 'convolution'],
    [1024, 1, 4, 'chunked'],
    [1024, 4, 32, 'convolution'],
    [4096, 1, 32, 'chunked'],
    [262144, 1, 4, 'chunked'],
    [262144, 1, 32, 'chunked'],
  ] as const)('%i steps × %i rows, %i states: %s', (length, batch, states, form) => {
    expect(chooseForm({ channels: 256, batch, length, states }, 'auto', false).form).toBe(form);
  });

  it.each([
    [1024, 1, 4, 'chunked'],
    [1024, 4, 32, 'convolution'],
    [4096, 4, 4, 'chunked'],
    [16384, 4, 32, 'convolution'],
    [64, 4, 32, 'convolution'],
  ] as const)('gradient, %i steps × %i rows, %i states: %s', (length, batch, states, form) => {
    expect(chooseGradientForm({ channels: 256, batch, length, states }, 'auto', false).form).toBe(form);
  });

  it('names the forms compared and their costs, or that one was asked for', () => {
    const sizes = { channels: 256, batch: 4, length: 1024, states: 32 };
    expect(chooseForm(sizes, 'auto', false).reason).toMatch(
      /^convolution [\d.]+, chunked [\d.]+, scan [\d.]+ ns a step and channel by the cost model$/,
    );
    expect(chooseForm(sizes, 'scan', false)).toEqual({ form: 'scan', reason: 'scan: asked for' });
    expect(chooseGradientForm(sizes, 'convolution', true)).toEqual({
      form: 'chunked',
      reason: 'chunked: the form whose gradient has states',
    });
  });
});
