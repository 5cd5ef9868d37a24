import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duplicateKey } from './duplicate-key.ts';

describe('duplicateKey', () => {
  it.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"a" : 1, "b": {"c": [], "\\u0063"\n:0}}', 'c'],
    ['{"a":{"x":1},"b":{"x":1},"a":0}', 'a'],
    ['{"":0,"":0}', ''],
    ['{"}":0,"{\\"":1,"}":0}', '}'],
    ['[{"a":1},{"b":1,"b":1}]', 'b'],
  ])('finds it in %s', (json, key) => {
    JSON.parse(json);
    expect(duplicateKey(json)).toBe(key);
  });

  it.each(['{}', '""', '{"a":"a","b":["a","a"]}', '{"a":{"a":{"a":0}}}', '{"a":"\\\\","b":"{\\"a\\":1,","c":0}'])(
    'finds none in %s',
    (json) => {
      JSON.parse(json);
      expect(duplicateKey(json)).toBeUndefined();
    },
  );

  it('finds none in what JSON.stringify writes', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => duplicateKey(JSON.stringify(value)) === undefined));
  });
});
