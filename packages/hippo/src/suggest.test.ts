import { describe, expect, it } from 'vitest';
import { nearest } from './suggest.ts';

describe('nearest', () => {
  const names = ['d_model', 'd_state', 'n_layer', 'head_dim'];
  it.each([
    ['d_modle', 'd_model'],
    ['D_MODEL', 'd_model'],
    ['layer', 'n_layer'],
    ['headdim', 'head_dim'],
    ['d_stat', 'd_state'],
    ['d_model', 'd_model'],
  ])('%s is meant to be %s', (name, meant) => {
    expect(nearest(name, names)).toBe(meant);
  });

  it.each(['', 'x', 'optimizer', 'vocabulary'])('nothing is near %j', (name) => {
    expect(nearest(name, names)).toBeUndefined();
  });

  it('allows one edit in short names, and takes the first of equals', () => {
    expect(nearest('p', ['q', 'k'])).toBe('q');
    expect(nearest('ab', ['cd'])).toBeUndefined();
    expect(nearest('a', [])).toBeUndefined();
  });
});
