// What the test page, its worker and the test that drives them say to each other.
import type { BackendName } from '../../index.ts';

/** What the page is asked to do: `?backend=wasm&threads=2`. */
export interface Request {
  readonly backend: BackendName;
  /** Threads of the wasm backend; absent: as many as the library takes by itself. */
  readonly threads?: number;
}

/** What the worker did. */
export interface Outcome {
  readonly isolated: boolean;
  readonly description: string;
  /** Of each training step, nats a character. */
  readonly losses: readonly number[];
  readonly tokens: readonly number[];
  readonly text: string;
}

export type Answer = { readonly outcome: Outcome } | { readonly error: string };
