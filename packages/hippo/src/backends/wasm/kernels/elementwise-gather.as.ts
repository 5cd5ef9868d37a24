// Brings a strided operand of an elementwise program into a contiguous block: elements [start, start + count) of the
// iteration space in its order, read through the operand's own collapsed sizes and strides.

/** Copies `count` words from `source`, `stride` words apart (any sign, 0: the same one), to consecutive words. */
export function copyStrided(target: usize, source: usize, stride: i32, count: i32): void {
  if (stride == 1) {
    while (count >= 4) {
      v128.store(target, v128.load(source));
      target += 16;
      source += 16;
      count -= 4;
    }
  } else if (stride == 0) {
    const value = v128.load32_splat(source);
    while (count >= 4) {
      v128.store(target, value);
      target += 16;
      count -= 4;
    }
  }
  const step = <usize>(stride << 2);
  while (count > 0) {
    store<u32>(target, load<u32>(source));
    target += 4;
    source += step;
    count -= 1;
  }
}

/**
 * Returns where the elements lie in one piece: inside the operand when one row holds them all and `into` is not forced,
 * else `into`, after copying. `sizes` points at `rank` ≥ 1 sizes followed by `rank` strides; `odometer` at `rank` words of
 * scratch.
 */
export function gather(
  operand: usize, rank: i32, sizes: usize, start: i32, count: i32, into: usize, odometer: usize, forced: bool,
): usize {
  const last = rank - 1;
  const strides = sizes + (<usize>rank << 2);
  const inner = load<i32>(sizes + (<usize>last << 2));
  const stride = load<i32>(strides + (<usize>last << 2));
  let position = start % inner;
  let rest = start / inner;
  let row = operand; // the row's first element
  for (let k = last - 1; k >= 0; k--) {
    const at = <usize>k << 2;
    const size = load<i32>(sizes + at);
    const index = rest % size;
    rest /= size;
    store<i32>(odometer + at, index);
    row += <usize>(index * load<i32>(strides + at)) << 2;
  }
  if (!forced && stride == 1 && position + count <= inner) return row + (<usize>position << 2);
  let target = into;
  while (true) {
    const run = min(inner - position, count);
    copyStrided(target, row + (<usize>(position * stride) << 2), stride, run);
    count -= run;
    if (count == 0) return into;
    target += <usize>run << 2;
    position = 0;
    for (let k = last - 1; k >= 0; k--) {
      const at = <usize>k << 2;
      const step = load<i32>(strides + at);
      const index = load<i32>(odometer + at) + 1;
      row += <usize>step << 2;
      const size = load<i32>(sizes + at);
      if (index < size) {
        store<i32>(odometer + at, index);
        break;
      }
      row -= <usize>(size * step) << 2;
      store<i32>(odometer + at, 0);
    }
  }
}
