// Eigenvalues of a real skew-symmetric matrix: they are ±iω, where the ω are its singular values, each of which comes twice.
// Found by one-sided Jacobi rotations (Hestenes 1958), which make the columns orthogonal; their lengths are then the singular
// values, with an error near the rounding of the largest even for the smallest.

/**
 * The N/2 numbers ω ≥ 0 of a skew-symmetric matrix of even order, largest first.
 * @param columns the matrix by columns; not changed.
 */
export function skewEigenvalues(columns: readonly (readonly number[])[]): number[] {
  const work = columns.map((column) => Float64Array.from(column));
  const maxSweeps = 60;
  for (let sweep = 0; sweep < maxSweeps && sweepOnce(work); sweep++);
  const lengths = work.map((column) => Math.sqrt(dot(column, column))).sort((a, b) => b - a);
  return lengths.filter((_, at) => at % 2 === 0);
}

/** Rotates every pair of columns once; true while a pair was not orthogonal to rounding. */
function sweepOnce(work: readonly Float64Array[]): boolean {
  let changed = false;
  work.forEach((a, i) => {
    for (const b of work.slice(i + 1)) {
      const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
      if (Math.abs(ab) <= 1e-15 * Math.sqrt(aa * bb)) continue;
      changed = true;
      const cotangent = (bb - aa) / (2 * ab);
      const tangent = (cotangent >= 0 ? 1 : -1) / (Math.abs(cotangent) + Math.hypot(1, cotangent));
      const cosine = 1 / Math.hypot(1, tangent);
      rotate(a, b, { cosine, sine: cosine * tangent });
    }
  });
  return changed;
}

function rotate(
  a: Float64Array,
  b: Float64Array,
  { cosine, sine }: { readonly cosine: number; readonly sine: number },
): void {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    a[i] = cosine * x - sine * y;
    b[i] = sine * x + cosine * y;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] ?? 0) * (b[i] ?? 0);
  return total;
}
