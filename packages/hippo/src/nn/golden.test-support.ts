// Reads the golden tensors of the official implementation (packages/hippo/testdata/golden) for the tests of layers and models.
import { readFile } from 'node:fs/promises';
import { type HostTensor, tensor } from '../tensor/host-tensor.ts';

const folder = new URL('../../testdata/golden/', import.meta.url);

export interface GoldenFile {
  /** The settings the file was made with; empty where it holds parameters only. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly names: readonly string[];
  get(name: string): HostTensor;
}

interface HeaderEntry {
  readonly dtype: 'F32' | 'I32';
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Opens `name`.safetensors: eight bytes of header length, a JSON header, the tensors. */
export async function openGolden(name: string): Promise<GoldenFile> {
  const bytes = await readFile(new URL(`${name}.safetensors`, folder));
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    HeaderEntry
  > & {
    readonly __metadata__?: { readonly config?: string };
  };
  return {
    config: JSON.parse('config' in metadata ? String(metadata.config) : '{}') as Record<string, unknown>,
    names: Object.keys(entries),
    get: (tensorName) => {
      const entry = entries[tensorName];
      if (!entry) throw new Error(`golden file ${name}: no tensor "${tensorName}".`);
      // Copied, since the header's length leaves the tensors at any byte.
      const data = Uint8Array.from(bytes.subarray(start + entry.data_offsets[0], start + entry.data_offsets[1])).buffer;
      return tensor(entry.dtype === 'F32' ? new Float32Array(data) : new Int32Array(data), entry.shape);
    },
  };
}
