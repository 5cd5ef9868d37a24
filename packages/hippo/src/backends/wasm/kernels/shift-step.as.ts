// One step of the shift SSM, as decoding takes it: y = Σ_j taps_j u_{t−j} + skip·u_t from the last M − 1 inputs, oldest first, which
// move up by one place on the way. The tiles of causal-fir.as.ts are made for rows: for one step they cost a copy of the taps
// turned around, one of the state with its lead, and one of the state moved. Work: M multiply-adds; memory: taps and state once in,
// state once out.
import { madd, sumLanes } from './simd.as';

/** @param state, end may be 0: zeros, not wanted. */
export function shiftStep(taps: usize, count: i32, u: f32, skip: f32, state: usize, end: usize): f32 {
  const last = count - 1;
  let sum = (load<f32>(taps) + skip) * u;
  if (last == 0) return sum;
  if (state == 0) {
    if (end) memory.fill(end, 0, <usize>(last - 1) << 2);
  } else {
    let total = f32x4.splat(0);
    let i = 0;
    for (; i + 4 < last; i += 4) {
      const at = state + (<usize>i << 2);
      const t = v128.load(taps + (<usize>(last - i - 3) << 2));
      total = madd(v128.load(at), v128.shuffle<i32>(t, t, 3, 2, 1, 0), total);
      if (end) v128.store(end + (<usize>i << 2), v128.load(at, 4));
    }
    sum += sumLanes(total);
    for (; i < last; i++) {
      const at = state + (<usize>i << 2);
      sum += load<f32>(at) * load<f32>(taps + (<usize>(last - i) << 2));
      if (end && i < last - 1) store<f32>(end + (<usize>i << 2), load<f32>(at, 4));
    }
  }
  if (end) store<f32>(end + (<usize>(last - 1) << 2), u);
  return sum;
}
