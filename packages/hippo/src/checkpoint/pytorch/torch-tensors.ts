// Tensors as torch.save pickles them: a storage named by a persistent id, and a view into it (torch/_utils.py and
// torch/serialization.py of PyTorch). Where a tensor lies is checked against its storage before anything of it is read.
import { bytesPerElement, type StorageDType } from '../../tensor/dtype.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import {
  describe,
  isTuple,
  PickleDict,
  PickleGlobal,
  type PickleTuple,
  type PickleValue,
  TorchStorage,
  TorchTensor,
} from './pickle-values.ts';
import { refuse, saveWeightsOnly } from './refusal.ts';

const mostAxes = 64;
/** PyTorch has two: `conj` and `neg`. */
const mostFlags = 8;

/** Of a tensor with more elements than its storage, which a few bytes of a file could make as large as they like. */
export const largestExpanded = 64 * 1024 * 1024;

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** `('storage', class, key, location, elements)`; the device it was saved from does not matter. */
export function storageOf(id: PickleValue, file: string): TorchStorage {
  const [kind, type, key, , elements] = isTuple(id) ? id : [];
  if (kind !== 'storage' || typeof key !== 'string' || !isCount(elements))
    return refuse(file, 'storage', `a tensor's storage must be named by class, key and length; got ${describe(id)}.`);
  if (!(type instanceof PickleGlobal) || !type.dtype)
    return refuse(file, 'storage', `storage "${key}" must be of a storage class; got ${describe(type)}.`);
  return new TorchStorage(key, type.dtype, elements);
}

/** `(storage, offset, sizes, strides, requires_grad, hooks[, {conj, neg}])`. */
export function rebuildTensor(args: PickleTuple, file: string): TorchTensor {
  const [storage, offset, shape, strides, , , flags] = args;
  if (!(storage instanceof TorchStorage) || !isCount(offset) || !isTuple(shape) || !isTuple(strides))
    return refuse(
      file,
      'tensor',
      `a tensor must have storage, offset, sizes and strides; got ${args.slice(0, 4).map(describe).join(', ') || 'nothing'}.`,
    );
  checkFlags(file, flags);
  // Before either is looked through: one long tuple can be the shape of any number of tensors.
  if (shape.length !== strides.length || shape.length > mostAxes)
    refuse(
      file,
      'tensor',
      `a tensor must have a stride for each of ${mostAxes} axes at most; got ${strides.length} for ${shape.length}.`,
    );
  return new TorchTensor(storage, {
    offset,
    shape: counts(file, 'sizes', shape),
    strides: counts(file, 'strides', strides),
  });
}

function counts(file: string, what: string, values: PickleTuple): number[] {
  const wrong = values.find((value) => !isCount(value));
  if (wrong !== undefined)
    refuse(file, 'tensor', `${what} of a tensor must be whole numbers, not negative; got ${describe(wrong)}.`);
  return values.filter(isCount);
}

/** A tensor whose elements are to be negated or conjugated when they are used. */
function checkFlags(file: string, flags: PickleValue | undefined): void {
  if (flags === undefined || flags === null) return;
  const isSmall = flags instanceof PickleDict && flags.entries.size <= mostFlags;
  const set = isSmall ? [...flags.entries].find(([, value]) => value !== false)?.[0] : flags;
  if (set !== undefined)
    refuse(
      file,
      'tensor-flags',
      `a tensor must hold its numbers as they are; got one marked ${describe(set)}.`,
      'In Python, call resolve_neg() or resolve_conj() on it and save again.',
    );
}

/** As `rebuildTensor`, of a storage of bytes, with the element type after the hooks. */
export function rebuildTensorOfType(args: PickleTuple, file: string): TorchTensor {
  const [storage, offset, shape, strides, gradient = null, hooks = null, type, flags = null] = args;
  if (!(storage instanceof TorchStorage) || !(type instanceof PickleGlobal) || !type.dtype)
    return refuse(
      file,
      'tensor',
      `a tensor must have a storage and a type; got ${describe(storage)}, ${describe(type)}.`,
    );
  const elements = storageBytes(storage) / bytesPerElement(type.dtype);
  if (!Number.isInteger(elements))
    refuse(file, 'storage', `storage "${storage.key}" must hold whole elements of ${type.name}; got ${elements}.`);
  const typed = new TorchStorage(storage.key, type.dtype, elements);
  return rebuildTensor([typed, offset ?? null, shape ?? null, strides ?? null, gradient, hooks, flags], file);
}

/** A parameter is its tensor. */
export function rebuildParameter([tensor]: PickleTuple, file: string): TorchTensor {
  if (tensor instanceof TorchTensor) return tensor;
  return refuse(file, 'tensor', `a parameter must hold a tensor; got ${describe(tensor)}.`, saveWeightsOnly);
}

/** Where the elements of a tensor lie in its storage, in bytes. */
export interface Extent {
  readonly begin: number;
  readonly length: number;
}

/**
 * @throws CheckpointError `outside-storage` for a tensor that reaches past its storage, `expanded-size` for one with more elements
 * than its storage and more bytes than `largestExpanded`.
 */
export function extentOf(file: string, name: string, { storage, offset, shape, strides }: TorchTensor): Extent {
  const size = bytesPerElement(storage.dtype);
  const count = countOf(shape);
  const last = shape.reduce((sum, length, axis) => sum + (length - 1) * (strides[axis] ?? 0), 0);
  const length = count === 0 ? 0 : last + 1;
  if (offset + length > storage.elements)
    refuse(
      file,
      'outside-storage',
      `tensor "${name}" must lie inside the ${storage.elements} elements of storage "${storage.key}"; it ends at ${offset + length}.`,
    );
  if (count > storage.elements && count * size > largestExpanded)
    refuse(
      file,
      'expanded-size',
      `tensor "${name}" of shape [${shape.join(', ')}] repeats ${storage.elements} elements and may take ${largestExpanded} bytes; got ${count * size}.`,
      'In Python, save it without the repeated axes.',
    );
  return { begin: offset * size, length: length * size };
}

/** Zero also where the other sizes are beyond all numbers. */
export function countOf(shape: Shape): number {
  return shape.includes(0) ? 0 : elementCount(shape);
}

/** Bytes of a storage as its archive entry must have them. */
export function storageBytes({ dtype, elements }: { readonly dtype: StorageDType; readonly elements: number }): number {
  return elements * bytesPerElement(dtype);
}
