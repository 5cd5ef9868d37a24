// The environment of native contestants.

/**
 * Without what would handicap OpenBLAS, a core type or a cache size forced from outside; and with a short patience of its
 * threads, which spin for 20 ms after a call by default and would take time from the next contestant: 2²⁰ cycles still cover
 * the gap between two calls.
 */
export function nativeEnvironment(threads: number): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...inherited } = process.env;
  return { ...inherited, OPENBLAS_NUM_THREADS: String(threads), OPENBLAS_THREAD_TIMEOUT: '20' };
}
