// What an unpickled file is made of. Lists and dicts are objects of our own because they are filled after they are made and remembered;
// a tuple is an array, which is never changed. Nothing here can run anything: a callable is an entry of a fixed list.
import type { StorageDType } from '../../tensor/dtype.ts';

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleTuple
  | PickleList
  | PickleDict
  | PickleGlobal
  | TorchStorage
  | TorchTensor;

export type PickleTuple = readonly PickleValue[];
export type PickleKey = string | number | bigint | boolean | null;

export class PickleList {
  readonly items: PickleValue[] = [];
}

/** A dict, an OrderedDict, or the attributes of an argparse.Namespace. */
export class PickleDict {
  /** A Namespace takes over those of the dict that comes with it. */
  entries: Map<PickleKey, PickleValue> = new Map();
  readonly isNamespace: boolean;

  constructor(isNamespace = false) {
    this.isNamespace = isNamespace;
  }
}

/** Something of a Python module that the list of `allowed-globals.ts` knows. */
export class PickleGlobal {
  /** `module.name`. */
  readonly name: string;
  /** The element type, of storage classes and of dtypes. */
  readonly dtype: StorageDType | undefined;
  /** What calling it gives; `create` is a call through `__new__`, for classes whose attributes follow. */
  readonly call: ((args: PickleTuple, file: string) => PickleValue) | undefined;
  readonly create: (() => PickleValue) | undefined;

  constructor(name: string, { dtype, call, create }: Partial<Pick<PickleGlobal, 'dtype' | 'call' | 'create'>> = {}) {
    this.name = name;
    this.dtype = dtype;
    this.call = call;
    this.create = create;
  }
}

/** A flat run of elements, in an archive entry of its own; several tensors may look into it. */
export class TorchStorage {
  readonly key: string;
  readonly dtype: StorageDType;
  readonly elements: number;

  constructor(key: string, dtype: StorageDType, elements: number) {
    this.key = key;
    this.dtype = dtype;
    this.elements = elements;
  }
}

/** A view into a storage; element `i` stands at `offset + Σ iₐ·strides[a]`. */
export class TorchTensor {
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: TorchStorage, { offset, shape, strides }: Pick<TorchTensor, 'offset' | 'shape' | 'strides'>) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

export function isTuple(value: PickleValue | undefined): value is PickleTuple {
  return Array.isArray(value);
}

/** What a value is, for error sentences. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof PickleGlobal) return value.name;
  if (value instanceof PickleDict) return value.isNamespace ? 'a Namespace' : 'a dict';
  if (value instanceof PickleList) return 'a list';
  if (value instanceof TorchStorage) return 'a storage';
  if (value instanceof TorchTensor) return 'a tensor';
  return value instanceof Uint8Array ? 'bytes' : `a tuple of ${value.length}`;
}
