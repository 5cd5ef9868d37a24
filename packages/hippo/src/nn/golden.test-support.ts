// Reads the golden tensors of the official implementation (packages/hippo/testdata/golden) for the tests of layers and models.
import { memorySource, openSafetensors } from '../checkpoint/safetensors.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { readTestFile } from '../testing/test-file.test-support.ts';

const folder = new URL(/* @vite-ignore */ '../../testdata/golden/', import.meta.url);

export interface GoldenFile {
  /** The settings the file was made with; empty where it holds parameters only. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly names: readonly string[];
  get(name: string): HostTensor;
}

/** Opens `name`.safetensors and reads all of it; the files are small. */
export async function openGolden(name: string): Promise<GoldenFile> {
  const file = await openSafetensors(memorySource(await readTestFile(new URL(`${name}.safetensors`, folder)), name));
  const names = [...file.tensors.keys()];
  const tensors = new Map(await Promise.all(names.map(async (one) => [one, await file.read(one)] as const)));
  return {
    config: JSON.parse(file.metadata.config ?? '{}') as Record<string, unknown>,
    names,
    get: (tensorName) => {
      const found = tensors.get(tensorName);
      if (!found) throw new Error(`golden file ${name}: no tensor "${tensorName}".`);
      return found;
    },
  };
}
