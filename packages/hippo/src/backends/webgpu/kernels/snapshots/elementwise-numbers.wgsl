// elementwise: 1 × 1 × 1 workgroups
// reads x0: array<f32> = input 0 0 … 168
// reads x1: array<f32> = input 1 0 … 28
// writes y0: array<f32> = output 0 0 … 168
fn exp1(x: f32) -> f32 {
  let upper = select(x, f32(89.0), x > f32(89.0));
  let clamped = select(upper, f32(-104.0), upper < f32(-104.0));
  let n = round(clamped * 1.4426950408889634);
  let r = (clamped - n * 0.693359375) - n * -2.1219444005469057e-4;
  let p = (((0.0013814538 * r + 0.0083687454) * r + 0.04166839) * r + 0.16666521) * r + 0.49999994;
  let whole = i32(n);
  let half = whole >> u32(1u);
  let low = bitcast<f32>((half + i32(127)) << u32(23u));
  let high = bitcast<f32>((whole - half + i32(127)) << u32(23u));
  return (((r * r) * p + r) + 1.0) * low * high;
}
@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let group = (workgroup.y * grid.x + workgroup.x) * 256u + thread;
  if (group >= 42u) { return; }
  let i = group;
  let v0 = x0[i];
  let v1 = x1[(i % 7u)];
  let c0 = f32(f32(0.5));
  let r0 = v0 + v1;
  let r1 = r0 * c0;
  let r2 = exp1(r1);
  y0[group] = r2;
}
