// What a kernel's TypeScript twin hands to the engine: which exported functions to call with which argument words.

/** One 32-bit argument: an unsigned integer (dimension, flag, byte address) or a float. */
export type Word = number | { readonly real: number };

/** Byte addresses in the kernels' memory; 0 stands for an absent optional operand. */
export interface Addresses {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly workspace: number;
  /** Of the kernel's table, where it has one. */
  readonly table?: number;
}

/** One call of an exported kernel. `parts: 1` marks work too small to share between threads. */
export interface KernelCall {
  readonly entry: string;
  readonly words: readonly Word[];
  readonly parts?: 1;
}

/** Numbers that a kernel reads and no operand changes: written once when a plan is prepared, for all kernels of the same key. */
export interface KernelTableData {
  readonly key: string;
  readonly bytes: number;
  fill(address: number): KernelCall;
}

/** How one operation runs: its workspace, and its calls in order with a barrier after each. */
export interface KernelCalls {
  /** Bytes of workspace needed when the work is shared by `parts` threads; 0 for none. */
  workspaceBytes(parts: number): number;
  readonly table?: KernelTableData;
  calls(at: Addresses, parts: number): readonly KernelCall[];
}
