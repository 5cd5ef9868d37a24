// Loads the kernels: picks the relaxed-SIMD build where the engine accepts it, and rewrites the memory import to an unshared
// one where shared memory is missing. One compiled module serves every thread.

/** What the engine accepts, and so which build was taken. */
export interface KernelBuild {
  readonly module: WebAssembly.Module;
  readonly relaxedSimd: boolean;
  readonly sharedMemory: boolean;
}

// (module (func (result v128) … f32x4.relaxed_madd)): the smallest module that only a relaxed-SIMD engine accepts.
const relaxedProbe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65,
  0, 253, 15, 253, 133, 2, 11,
]);

/** A build as it is embedded: compressed (RFC 1951), since base64 leaves a page's own compression little to find, then base64. */
async function unpack(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const compressed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** True where the engine has relaxed SIMD. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(relaxedProbe);
}

/** Compiles the kernels. `relaxed` defaults to what the engine offers; `shared` to whether shared memory exists. */
export async function compileKernels(
  options: { readonly relaxed?: boolean; readonly shared?: boolean } = {},
): Promise<KernelBuild> {
  const relaxedSimd = options.relaxed ?? hasRelaxedSimd();
  const sharedMemory = options.shared ?? typeof SharedArrayBuffer !== 'undefined';
  const { kernels } = await (relaxedSimd
    ? import('./kernels-relaxed.generated.ts')
    : import('./kernels-plain.generated.ts'));
  const bytes = await unpack(kernels);
  if (!sharedMemory) unshareMemoryImport(bytes);
  return { module: await WebAssembly.compile(bytes), relaxedSimd, sharedMemory };
}

/** Clears the "shared" bit of the imported memory's limits (WebAssembly core specification, binary format, limits). */
function unshareMemoryImport(bytes: Uint8Array): void {
  const name = [3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2]; // "env" "memory", kind 2 = memory
  const at = bytes.findIndex((_, i) => name.every((byte, j) => bytes[i + j] === byte));
  const limits = at + name.length;
  if (at < 0 || bytes[limits] !== 3) throw new Error('the kernel module does not import a shared memory as env.memory');
  bytes[limits] = 1;
}
