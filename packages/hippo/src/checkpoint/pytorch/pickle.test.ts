// The unpickler: every opcode it knows, every rule that a hostile pickle can break, and that a global outside the list is refused.
import { describe, expect, it } from 'vitest';
import { allowedGlobal } from './allowed-globals.ts';
import { mostOpcodes, unpickle } from './pickle.ts';
import { isTuple, PickleDict, PickleList, type PickleValue, TorchTensor } from './pickle-values.ts';
import * as write from './pickle-writer.test-support.ts';
import { storageOf } from './torch-tensors.ts';
import { fields, joined, joinedAll } from './zip-writer.test-support.ts';

const read = (bytes: Uint8Array): PickleValue =>
  unpickle(bytes, {
    file: 'model.pt',
    findGlobal: allowedGlobal,
    findPersistent: (id) => storageOf(id, 'model.pt'),
  });

const readValue = (value: write.Opcodes) => read(write.pickle(value));
const readOps = (...codes: readonly number[]) => readValue(Uint8Array.from(codes));

/** Dicts as arrays of pairs, lists in an object, so that `toEqual` tells them apart. */
function plain(value: PickleValue): unknown {
  if (value instanceof PickleDict) return [...value.entries].map(([key, one]) => [key, plain(one)]);
  if (value instanceof PickleList) return { list: value.items.map(plain) };
  return isTuple(value) ? value.map(plain) : value;
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'read';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const short = (value: string) => joined(Uint8Array.of(0x8c, value.length), new TextEncoder().encode(value));
const tensor = write.tensorOf({ key: '0', elements: 6 }, { shape: [2, 3] });
const rebuild = write.global('torch._utils', '_rebuild_tensor_v2');

describe('unpickle', () => {
  it.each<[string, write.Opcodes, unknown]>([
    ['None', write.none, null],
    ['truth values', write.tuple(write.yes, write.no), [true, false]],
    ['small numbers', Uint8Array.of(0x4b, 200), 200],
    ['numbers of two bytes', Uint8Array.of(0x4d, 1, 2), 513],
    ['numbers of four bytes', write.int(-5), -5],
    ['long numbers', write.long(-(2n ** 40n)), -(2 ** 40)],
    ['numbers beyond 2⁵³', write.long(2n ** 62n), 2n ** 62n],
    ['a long number of no bytes', Uint8Array.of(0x8a, 0), 0],
    ['floats', write.float(-0.1), -0.1],
    ['texts', write.text('für\ufeff'), 'für\ufeff'],
    ['short texts', short('abc'), 'abc'],
    ['bytes', joined(Uint8Array.of(0x42), fields([4, 2]), Uint8Array.of(1, 2)), Uint8Array.of(1, 2)],
    ['short bytes', Uint8Array.of(0x43, 1, 9), Uint8Array.of(9)],
    ['tuples', write.tuple(write.int(1), write.tuple()), [1, []]],
    [
      'tuples of one, two and three',
      Uint8Array.of(0x4e, 0x85, 0x88, 0x86, 0x89, 0x4b, 7, 0x87),
      [[[null], true], false, 7],
    ],
    ['lists', write.list(write.int(1), write.list()), { list: [1, { list: [] }] }],
    ['a list filled one by one', Uint8Array.of(0x5d, 0x88, 0x61, 0x4b, 2, 0x61), { list: [true, 2] }],
    [
      'dicts',
      write.dict(['a', write.int(1)], [write.int(0), write.dict()]),
      [
        ['a', 1],
        [0, []],
      ],
    ],
    ['a dict filled one by one', Uint8Array.of(0x7d, 0x4b, 1, 0x4e, 0x73), [[1, null]]],
    [
      'an OrderedDict',
      write.orderedDict(['b', write.yes], ['a', write.no]),
      [
        ['b', true],
        ['a', false],
      ],
    ],
    ['an OrderedDict with attributes', write.build(write.orderedDict(), write.dict(['_metadata', write.dict()])), []],
    ['a Namespace', write.namespace(['width', write.int(32)]), [['width', 32]]],
    ['a torch.Size', write.reduce(write.global('torch', 'Size'), write.tuple(write.int(2), write.int(3))), [2, 3]],
    ['a torch.device', write.reduce(write.global('torch', 'device'), write.text('cuda'), write.int(1)), 'cuda:1'],
    ['a frame', joined(Uint8Array.of(0x95), fields([8, 2]), write.none), null],
  ])('reads %s', (_, value, expected) => {
    expect(plain(readValue(value))).toEqual(expected);
  });

  it('remembers values, and shares them', () => {
    // ( [] BINPUT 0, BINGET 0, TUPLE2 ); then the same with the long forms and with MEMOIZE.
    for (const bytes of [
      [0x5d, 0x71, 0, 0x68, 0, 0x86],
      [0x5d, 0x72, 0, 1, 0, 0, 0x6a, 0, 1, 0, 0, 0x86],
      [0x5d, 0x94, 0x68, 0, 0x86],
    ]) {
      const pair = readOps(...bytes);
      expect(isTuple(pair) && pair[0] instanceof PickleList && pair[0] === pair[1]).toBe(true);
    }
  });

  it('reads protocols 2 to 5, and globals named by two texts', () => {
    for (const protocol of [2, 3, 4, 5]) expect(read(write.pickle(write.yes, protocol))).toBe(true);
    for (const protocol of [0, 1, 6, 255])
      expect(codeOf(() => read(write.pickle(write.yes, protocol)))).toBe('pickle-protocol');
    expect(codeOf(() => read(Uint8Array.of(0x4e, 0x2e)))).toBe('pickle-protocol');
    const ordered = joined(short('collections'), short('OrderedDict'), Uint8Array.of(0x93, 0x29, 0x52));
    expect(readValue(ordered)).toBeInstanceOf(PickleDict);
  });

  it('reads tensors as views into storages, and parameters as their tensors', () => {
    const view = readValue(
      write.tensorOf({ key: '7', type: 'HalfStorage', elements: 9 }, { shape: [2, 2], strides: [1, 4], offset: 1 }),
    );
    expect(view).toEqual(
      expect.objectContaining({
        storage: { key: '7', dtype: 'f16', elements: 9 },
        offset: 1,
        shape: [2, 2],
        strides: [1, 4],
      }),
    );
    const parameter = write.reduce(
      write.global('torch._utils', '_rebuild_parameter'),
      tensor,
      write.yes,
      write.orderedDict(),
    );
    expect(readValue(parameter)).toEqual(readValue(tensor));
    const untyped = joined(
      write.tuple(
        write.text('storage'),
        write.global('torch.storage', 'UntypedStorage'),
        write.text('1'),
        write.text('cpu'),
        write.int(8),
      ),
      Uint8Array.of(0x51),
    );
    const rest = [write.int(0), write.tuple(write.int(2)), write.tuple(write.int(1)), write.no, write.orderedDict()];
    const third = (type: string) =>
      readValue(
        write.reduce(write.global('torch._utils', '_rebuild_tensor_v3'), untyped, ...rest, write.global('torch', type)),
      );
    expect((third('uint32') as TorchTensor).storage).toMatchObject({ dtype: 'u32', elements: 2 });
    expect(codeOf(() => third('float8_e5m2'))).toBe('pickle-global');
  });

  it.each<[string, write.Opcodes]>([
    ['os.system', write.reduce(write.global('os', 'system'), write.text('true'))],
    ['builtins.eval', write.reduce(write.global('builtins', 'eval'), write.text('1'))],
    ['posix.system', joined(short('posix'), short('system'), Uint8Array.of(0x93))],
    ['torch.load', write.global('torch', 'load')],
    ['torch.constructor', write.global('torch', 'constructor')],
    ['torch.__proto__', write.global('torch', '__proto__')],
    ['torch.storage.UntypedStorage', write.global('torch', 'storage.UntypedStorage')],
    ['omegaconf.dictconfig.DictConfig', write.global('omegaconf.dictconfig', 'DictConfig')],
    ['torch.ComplexFloatStorage', write.global('torch', 'ComplexFloatStorage')],
    ['numpy.core.multiarray.scalar', write.dict(['never called', write.global('numpy.core.multiarray', 'scalar')])],
  ])('refuses %s by name', (name, value) => {
    expect(() => readValue(value)).toThrow(
      `model.pt: a checkpoint may hold tensors, dicts, lists, texts and numbers; it asks for Python's "${name}", which is not read because it could run code. In Python, save the weights alone: torch.save(model.state_dict(), path), or torch.save(torch.load(path)["state_dict"], path) for a Lightning checkpoint.`,
    );
    expect(codeOf(() => readValue(value))).toBe('pickle-global');
  });

  it.each<[string, string, write.Opcodes]>([
    ['an opcode that runs constructors', 'pickle-opcode', Uint8Array.of(0x28, 0x69)], // INST
    ['an opcode of extensions', 'pickle-opcode', Uint8Array.of(0x82, 1)], // EXT1
    ['a persistent id as text', 'pickle-opcode', Uint8Array.of(0x50)], // PERSID
    ['a pop from the empty stack', 'pickle-stack', Uint8Array.of(0x85)],
    ['a pop across a mark', 'pickle-stack', Uint8Array.of(0x4e, 0x28, 0x85)],
    ['a tuple without a mark', 'pickle-stack', Uint8Array.of(0x4e, 0x74)],
    ['a key without a value', 'pickle-stack', Uint8Array.of(0x7d, 0x28, 0x4e, 0x75)],
    ['nothing to remember', 'pickle-stack', Uint8Array.of(0x71, 0)],
    ['what was never remembered', 'pickle-memo', Uint8Array.of(0x68, 5)],
    ['two values at the end', 'pickle-end', joined(write.none, write.none)],
    ['a mark at the end', 'pickle-end', joined(write.none, write.mark, write.none)],
    ['bytes after the end', 'pickle-end', joined(write.none, Uint8Array.of(0x2e))],
    ['a text longer than the pickle', 'pickle-end', joined(Uint8Array.of(0x58), fields([4, 0xffffffff]))],
    [
      'a frame longer than the pickle',
      'pickle-end',
      joined(Uint8Array.of(0x95), new Uint8Array(8).fill(0xff), write.none),
    ],
    ['a text that is not UTF-8', 'pickle-text', Uint8Array.of(0x8c, 1, 0xff)],
    ['a name without an end', 'pickle-text', joined(Uint8Array.of(0x63), new Uint8Array(2000).fill(0x61))],
    ['appending to a tuple', 'pickle-type', Uint8Array.of(0x29, 0x4e, 0x61)],
    ['an item of a list', 'pickle-type', Uint8Array.of(0x5d, 0x4e, 0x4e, 0x73)],
    ['attributes of a list', 'pickle-type', Uint8Array.of(0x5d, 0x7d, 0x62)],
    ['attributes that are no dict', 'pickle-type', Uint8Array.of(0x7d, 0x4e, 0x62)],
    ['a call of a number', 'pickle-type', write.reduce(write.int(1))],
    ['a call of a dtype', 'pickle-type', write.reduce(write.global('torch', 'float32'))],
    ['a call without a tuple', 'pickle-type', joined(rebuild, write.none, Uint8Array.of(0x52))],
    ['a new tensor without its function', 'pickle-type', joined(rebuild, Uint8Array.of(0x29, 0x81))],
    [
      'a Namespace of arguments',
      'pickle-type',
      joined(write.global('argparse', 'Namespace'), write.tuple(write.none), Uint8Array.of(0x81)),
    ],
    [
      'an OrderedDict of arguments',
      'pickle-type',
      write.reduce(write.global('collections', 'OrderedDict'), write.list()),
    ],
    ['a global named by numbers', 'pickle-type', Uint8Array.of(0x4e, 0x4e, 0x93)],
    ['a key that is a list', 'pickle-key', write.dict([write.list(), write.none])],
    ['a key twice', 'pickle-key', write.dict(['a', write.none], ['a', write.yes])],
    [
      'attributes for a second time',
      'pickle-type',
      write.build(write.namespace(['a', write.none]), write.dict(['a', write.yes])),
    ],
    [
      'a storage of no class',
      'storage',
      joined(
        write.tuple(write.text('storage'), write.none, write.text('0'), write.text('cpu'), write.int(1)),
        Uint8Array.of(0x51),
      ),
    ],
    ['a persistent id of another kind', 'storage', joined(write.tuple(write.text('module')), Uint8Array.of(0x51))],
    ['a tensor of nothing', 'tensor', write.reduce(rebuild)],
    ['a negative offset', 'tensor', write.tensorOf({ key: '0', elements: 6 }, { shape: [6], offset: -1 })],
    ['a negative size', 'tensor', write.tensorOf({ key: '0', elements: 6 }, { shape: [-1], strides: [1] })],
    [
      'a negative stride',
      'tensor',
      write.tensorOf({ key: '0', elements: 6 }, { shape: [6], strides: [-1], offset: 5 }),
    ],
    ['a stride too few', 'tensor', write.tensorOf({ key: '0', elements: 6 }, { shape: [2, 3], strides: [1] })],
    ['sixty-five axes', 'tensor', write.tensorOf({ key: '0', elements: 1 }, { shape: new Array<number>(65).fill(1) })],
    ['a parameter of a dict', 'tensor', write.reduce(write.global('torch._utils', '_rebuild_parameter'), write.dict())],
  ])('refuses %s', (_, code, value) => {
    expect(codeOf(() => readValue(value))).toBe(code);
  });

  it('refuses a tensor whose numbers are to be negated, and reads one that only could be', () => {
    const flagged = (value: write.Opcodes) =>
      write.reduce(
        rebuild,
        write.storage({ key: '0', elements: 1 }),
        write.int(0),
        write.tuple(),
        write.tuple(),
        write.no,
        write.orderedDict(),
        write.dict(['neg', value]),
      );
    expect(codeOf(() => readValue(flagged(write.yes)))).toBe('tensor-flags');
    expect(readValue(flagged(write.no))).toBeInstanceOf(TorchTensor);
  });

  it('does the work once for what it remembers, however often it is used', () => {
    // 30,000 uses of a dict of 30,000 entries: a billion entries if each use had its own.
    const many = 30_000;
    const repeated = (...codes: readonly number[]) =>
      joinedAll(Array.from({ length: many }, () => Uint8Array.from(codes)));
    const remembered = joined(
      write.dict(...Array.from({ length: many }, (_, i) => [write.int(i), write.no] as const)),
      Uint8Array.of(0x71, 0),
    );
    const namespaces = joined(
      Uint8Array.of(0x5d, 0x28),
      remembered,
      write.global('argparse', 'Namespace'),
      Uint8Array.of(0x71, 1),
      repeated(0x68, 1, 0x29, 0x81, 0x68, 0, 0x62),
      Uint8Array.of(0x65),
    );
    const list = readValue(namespaces);
    expect(list instanceof PickleList && list.items.length).toBe(many + 2);
    const flagged = write.reduce(
      rebuild,
      write.storage({ key: '0', elements: 1 }),
      write.int(0),
      write.tuple(),
      write.tuple(),
      write.no,
      write.none,
      remembered,
    );
    expect(codeOf(() => readValue(flagged))).toBe('tensor-flags');
  });

  it('refuses a pickle that goes on', () => {
    expect(codeOf(() => readValue(new Uint8Array(mostOpcodes + 1).fill(0x28)))).toBe('pickle-size');
  });

  it('refuses a pickle cut off anywhere', () => {
    const whole = write.pickle(write.dict(['weight', tensor], ['epoch', write.float(1)]));
    for (let length = 0; length < whole.length; length++)
      expect(codeOf(() => read(whole.subarray(0, length)))).toMatch(/^pickle-(end|text|stack|type)$/);
  });
});
