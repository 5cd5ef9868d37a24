// Opens what torch.save writes since PyTorch 1.6: a zip archive with a pickle of the object (`NAME/data.pkl`), in which tensors are
// views into storages, and each storage as an entry (`NAME/data/KEY`). Only directory and pickle are read when it is opened, a tensor
// when it is asked for. The pickle is data here: it can name nothing but tensors and containers (allowed-globals.ts) and run nothing.
import { bytesPerElement, type StorageDType } from '../../tensor/dtype.ts';
import { decodeElements, decodeTensor } from '../decode-tensor.ts';
import { type ByteSource, checkElementRange, missingTensor, type TensorSource } from '../safetensors.ts';
import type { TensorEntry } from '../safetensors-header.ts';
import { allowedGlobal } from './allowed-globals.ts';
import { findWeights, scalarsOf } from './find-weights.ts';
import { gatherStrided, isContiguous } from './gather-strided.ts';
import { refuseOtherFormats } from './other-formats.ts';
import { unpickle } from './pickle.ts';
import type { TorchTensor } from './pickle-values.ts';
import { refuse, saveWeightsOnly } from './refusal.ts';
import { countOf, type Extent, extentOf, storageBytes, storageOf } from './torch-tensors.ts';
import { rangeReader, readZipEntries, readZipEntry, type ZipEntry } from './zip-archive.ts';

const largestPickle = 64 * 1024 * 1024;
/** A few bytes of text: format version and byte order. */
const largestNote = 64;
const versions = { least: 1, most: 10 };

interface Placed extends Pick<TensorEntry, 'name' | 'shape' | 'bytes'> {
  readonly dtype: StorageDType;
  readonly strides: readonly number[];
  readonly extent: Extent;
  readonly entry: ZipEntry;
}

/**
 * Opens a PyTorch checkpoint: a state dict, or a dict that holds one as `state_dict` (Lightning) or `model`; see `find-weights.ts` for
 * the rule. `metadata` has the file's texts and numbers by path: `epoch`, `pytorch-lightning_version`, `hyper_parameters.lr`.
 * Tensors of any strides are read row-major; a storage that a tensor covers is checked against its checksum.
 * @throws CheckpointError with a code that names the broken rule: `old-format` and `tar-format` for files from before PyTorch 1.6,
 * `torchscript`, `pickle-global` for a pickle that asks for anything but tensors and plain data, `ambiguous-weights`, and others.
 */
export async function openPytorch(source: ByteSource): Promise<TensorSource> {
  await refuseOtherFormats(source);
  const entries = await readZipEntries(source);
  const { folder, pickle } = findPickle(source.name, entries);
  await checkNotes(source, folder, entries);
  const root = unpickle(await readZipEntry(source, pickle), {
    file: source.name,
    findGlobal: allowedGlobal,
    findPersistent: (id) => storageOf(id, source.name),
  });
  const tensors = new Map<string, Placed>();
  for (const [name, tensor] of findWeights(source.name, root))
    tensors.set(name, place(source.name, name, tensor, entries.get(`${folder}data/${tensor.storage.key}`)));
  const placeOf = (name: string): Placed => {
    const tensor = tensors.get(name);
    if (tensor) return tensor;
    throw missingTensor(source.name, name);
  };
  const readPart = rangeReader(source);
  // Ranges of one view follow each other: what was gathered for the first serves the rest.
  let gathered: { readonly tensor: Placed; readonly bytes: Uint8Array } | undefined;
  return {
    tensors,
    metadata: scalarsOf(source.name, root),
    async read(name) {
      const tensor = placeOf(name);
      return decodeTensor(tensor, await readElements(source, tensor), source.name);
    },
    async readRange(name, begin, end) {
      const tensor = placeOf(name);
      const { dtype, shape, strides, extent, entry } = tensor;
      checkElementRange(source.name, tensor, [begin, end]);
      const size = bytesPerElement(dtype);
      const stored = { file: source.name, tensor: name, dtype, first: begin };
      if (extent.length > 0 && isContiguous(shape, strides)) {
        const part = { begin: extent.begin + begin * size, length: (end - begin) * size };
        return decodeElements(await readPart(entry, part), stored);
      }
      if (gathered?.tensor !== tensor) gathered = { tensor, bytes: await readElements(source, tensor) };
      return decodeElements(new Uint8Array(gathered.bytes.subarray(begin * size, end * size)), stored);
    },
  };
}

function findPickle(file: string, entries: ReadonlyMap<string, ZipEntry>): { folder: string; pickle: ZipEntry } {
  const found = [...entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle, second] = found;
  if (!pickle || second)
    return refuse(file, 'no-pickle', `the archive must have one NAME/data.pkl; got ${found.length}.`);
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  if (entries.has(`${folder}constants.pkl`))
    refuse(
      file,
      'torchscript',
      'the file must hold weights; got a TorchScript program.',
      'In Python, save its weights: torch.save(torch.jit.load(path).state_dict(), path).',
    );
  if (pickle.bytes > largestPickle)
    refuse(file, 'pickle-size', `data.pkl may have ${largestPickle} bytes; got ${pickle.bytes}.`, saveWeightsOnly);
  return { folder, pickle };
}

/** Byte order and version of the format; archives from before PyTorch 2.1 do not tell their byte order, and were little-endian. */
async function checkNotes(source: ByteSource, folder: string, entries: ReadonlyMap<string, ZipEntry>): Promise<void> {
  const order = await readNote(source, entries.get(`${folder}byteorder`));
  if (order !== undefined && order !== 'little')
    refuse(
      source.name,
      'byte-order',
      `numbers must be little-endian; got byte order ${JSON.stringify(order)}.`,
      'In Python on a little-endian machine, load the file and save it again.',
    );
  const version = await readNote(source, entries.get(`${folder}version`));
  if (!/^\d{1,9}$/.test(version ?? '') || Number(version) < versions.least || Number(version) > versions.most)
    refuse(
      source.name,
      'version',
      `the version of the format must be ${versions.least} to ${versions.most}; got ${version ?? 'none'}.`,
    );
}

async function readNote(source: ByteSource, entry: ZipEntry | undefined): Promise<string | undefined> {
  if (!entry) return undefined;
  if (entry.bytes > largestNote)
    return refuse(source.name, 'entry-size', `entry "${entry.name}" must be a word; got ${entry.bytes} bytes.`);
  return new TextDecoder().decode(await readZipEntry(source, entry)).trim();
}

function place(file: string, name: string, tensor: TorchTensor, entry: ZipEntry | undefined): Placed {
  const { storage, shape, strides } = tensor;
  if (!entry)
    return refuse(
      file,
      'missing-storage',
      `tensor "${name}" needs storage "${storage.key}", which is not in the archive.`,
    );
  if (entry.bytes !== storageBytes(storage))
    refuse(
      file,
      'storage-size',
      `storage "${storage.key}" of tensor "${name}" must have ${storageBytes(storage)} bytes; its entry has ${entry.bytes}.`,
    );
  const bytes = countOf(shape) * bytesPerElement(storage.dtype);
  return { name, dtype: storage.dtype, shape, strides, bytes, extent: extentOf(file, name, tensor), entry };
}

/** The tensor's bytes, row-major. What lies between its elements is read too. */
async function readElements(source: ByteSource, { entry, extent, dtype, shape, strides }: Placed): Promise<Uint8Array> {
  const bytes = await readZipEntry(source, entry, extent);
  if (extent.length === 0 || isContiguous(shape, strides)) return bytes;
  return gatherStrided(bytes, { shape, strides, elementBytes: bytesPerElement(dtype) });
}
