// Kernels that do the same to many tensors: as many of them, or of their ranges, share a dispatch as it may bind, and the workgroup's
// number says whose turn it is.

/** A range of a tensor, and the workgroups that it takes. */
interface Piece {
  readonly groups: number;
}

/** The pieces in order, so many to a dispatch. */
export function batchesOf<P extends Piece>(pieces: readonly P[], together: number): readonly (readonly P[])[] {
  return Array.from({ length: Math.ceil(pieces.length / together) }, (_, at) =>
    pieces.slice(at * together, (at + 1) * together),
  );
}

export const groupsOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { groups }) => sum + groups, 0);

/** WGSL: what the workgroup numbered `group` does, a branch for each piece; `text` gets the number of the group among the piece's own. */
export function branchesText<P extends Piece>(
  pieces: readonly P[],
  text: (piece: P, at: number, group: string) => string,
): string {
  let before = 0;
  const branches = pieces.map((piece, at) => {
    const first = before;
    before += piece.groups;
    return `if (group < ${before}u) {
    ${text(piece, at, `(group - ${first}u)`)}
  }`;
  });
  return branches.join(' else ');
}
