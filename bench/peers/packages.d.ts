// Types of the peers that ship none, as far as they are used here.

declare module '@echogarden/pffft-wasm/simd' {
  interface Pffft {
    readonly HEAPF32: Float32Array;
    _pffft_new_setup(size: number, transform: number): number;
    _pffft_destroy_setup(setup: number): void;
    _pffft_aligned_malloc(bytes: number): number;
    _pffft_aligned_free(address: number): void;
    _pffft_transform(setup: number, input: number, output: number, work: number, direction: number): void;
    _pffft_zconvolve_accumulate(setup: number, a: number, b: number, sum: number, scale: number): void;
  }
  // biome-ignore lint/style/noDefaultExport: that is what the package has.
  export default function open(): Promise<Pffft>;
}
