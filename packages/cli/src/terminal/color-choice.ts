// Whether a stream gets colours. In order: --color or --no-color, FORCE_COLOR, NO_COLOR (both count only when not empty),
// TERM=dumb, and whether the stream is a terminal at all. FORCE_COLOR beats NO_COLOR as it does in Node itself.

export interface ColorFacts {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: boolean;
}

/** True when text for this stream may carry colour sequences. */
export function wantsColor({ argv, environment, isTerminal }: ColorFacts): boolean {
  const end = argv.indexOf('--');
  const flags = (end < 0 ? argv : argv.slice(0, end)).map((word) => word.replaceAll('_', '-'));
  const last = Math.max(flags.lastIndexOf('--color'), flags.lastIndexOf('--no-color'));
  if (last >= 0) return flags[last] === '--color';
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: terminal } = environment;
  if (force) return force !== '0' && force !== 'false';
  if (no) return false;
  return isTerminal && terminal !== 'dumb';
}
