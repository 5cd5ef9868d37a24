// The whole list of what a checkpoint may name in Python's modules: what torch.save writes for tensors of the element types that are
// read, and argparse.Namespace, in which training scripts keep their arguments. Everything else is refused by name (`pickle-global`),
// even where it would never be called: an unknown object cannot be told from a tensor that is kept in a class of its own.
import type { StorageDType } from '../../tensor/dtype.ts';
import { describe, isTuple, PickleDict, PickleGlobal, type PickleTuple, type PickleValue } from './pickle-values.ts';
import { refuse } from './refusal.ts';
import { rebuildParameter, rebuildTensor, rebuildTensorOfType } from './torch-tensors.ts';

/** Classes that named a storage's element type before tensors carried it; torch.save still writes them. */
const storageClasses: Readonly<Record<string, StorageDType>> = {
  FloatStorage: 'f32',
  DoubleStorage: 'f64',
  HalfStorage: 'f16',
  BFloat16Storage: 'bf16',
  LongStorage: 'i64',
  IntStorage: 'i32',
  ShortStorage: 'i16',
  CharStorage: 'i8',
  ByteStorage: 'u8',
  BoolStorage: 'bool',
};

const dtypes: Readonly<Record<string, StorageDType>> = {
  float32: 'f32',
  float64: 'f64',
  float16: 'f16',
  bfloat16: 'bf16',
  int64: 'i64',
  int32: 'i32',
  uint32: 'u32',
  int16: 'i16',
  int8: 'i8',
  uint8: 'u8',
  bool: 'bool',
};

function orderedDict(args: PickleTuple, file: string): PickleValue {
  if (args.length > 0)
    refuse(file, 'pickle-type', `an OrderedDict must begin empty; got ${args.length} arguments in data.pkl.`);
  return new PickleDict();
}

/** A torch.Size is the tuple of its sizes. */
function size([sizes]: PickleTuple, file: string): PickleValue {
  if (!isTuple(sizes)) return refuse(file, 'pickle-type', `a torch.Size takes a tuple; got ${describe(sizes)}.`);
  return sizes;
}

/** A torch.device is its text: `cpu`, `cuda:0`. */
function device([type, index]: PickleTuple, file: string): PickleValue {
  if (typeof type !== 'string')
    return refuse(file, 'pickle-type', `a torch.device takes a text; got ${describe(type)}.`);
  return typeof index === 'number' ? `${type}:${index}` : type;
}

const list: readonly PickleGlobal[] = [
  new PickleGlobal('collections.OrderedDict', { call: orderedDict }),
  new PickleGlobal('argparse.Namespace', { create: () => new PickleDict(true) }),
  new PickleGlobal('torch._utils._rebuild_tensor_v2', { call: rebuildTensor }),
  new PickleGlobal('torch._utils._rebuild_tensor_v3', { call: rebuildTensorOfType }),
  new PickleGlobal('torch._utils._rebuild_parameter', { call: rebuildParameter }),
  new PickleGlobal('torch.Size', { call: size }),
  new PickleGlobal('torch.device', { call: device }),
  // A storage without a type, which PyTorch 2 writes for element types that came after the classes; its elements are bytes.
  new PickleGlobal('torch.storage.UntypedStorage', { dtype: 'u8' }),
  ...Object.entries({ ...storageClasses, ...dtypes }).map(
    ([name, dtype]) => new PickleGlobal(`torch.${name}`, { dtype }),
  ),
];

const byName: ReadonlyMap<string, PickleGlobal> = new Map(list.map((one) => [one.name, one]));

/** Module and name are joined as Python would print them, so that neither can hold a part of the other. */
export function allowedGlobal(module: string, name: string): PickleGlobal | undefined {
  return name.includes('.') ? undefined : byName.get(`${module}.${name}`);
}
