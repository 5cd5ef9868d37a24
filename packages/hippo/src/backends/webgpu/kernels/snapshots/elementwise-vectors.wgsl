// elementwise: 1 × 1 × 1 workgroups
// reads x0: array<vec4<f32>> = input 0 0 … 192
// reads x1: array<vec4<f32>> = input 1 0 … 32
// reads x2: array<vec4<f32>> = input 2 0 … 24
// reads x3: array<vec4<f32>> = input 3 0 … 192
// writes y0: array<vec4<f32>> = output 0 0 … 192
// writes y1: array<vec4<f32>> = output 1 0 … 192
fn exp4(x: vec4<f32>) -> vec4<f32> {
  let upper = select(x, vec4<f32>(89.0), x > vec4<f32>(89.0));
  let clamped = select(upper, vec4<f32>(-104.0), upper < vec4<f32>(-104.0));
  let n = round(clamped * 1.4426950408889634);
  let r = (clamped - n * 0.693359375) - n * -2.1219444005469057e-4;
  let p = (((0.0013814538 * r + 0.0083687454) * r + 0.04166839) * r + 0.16666521) * r + 0.49999994;
  let whole = vec4<i32>(n);
  let half = whole >> vec4<u32>(1u);
  let low = bitcast<vec4<f32>>((half + vec4<i32>(127)) << vec4<u32>(23u));
  let high = bitcast<vec4<f32>>((whole - half + vec4<i32>(127)) << vec4<u32>(23u));
  return (((r * r) * p + r) + 1.0) * low * high;
}
@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let group = (workgroup.y * grid.x + workgroup.x) * 256u + thread;
  if (group >= 12u) { return; }
  let i = group;
  let v0 = x0[i];
  let v1 = x1[(i % 2u)];
  let pv2 = (i / 2u);
  let v2 = vec4<f32>(x2[(pv2) / 4u][(pv2) % 4u]);
  let pv3 = (i / 2u) + (i % 2u) * 24u;
  let v3 = vec4<f32>(x3[(pv3) / 4u][(pv3) % 4u], x3[(pv3 + 6u) / 4u][(pv3 + 6u) % 4u], x3[(pv3 + 12u) / 4u][(pv3 + 12u) % 4u], x3[(pv3 + 18u) / 4u][(pv3 + 18u) % 4u]);
  let r0 = v0 + v1;
  let r1 = r0 * v2;
  let r2 = v3;
  let r3 = r1 + r2;
  let r4 = exp4(r3);
  y0[group] = r1;
  y1[group] = r4;
}
