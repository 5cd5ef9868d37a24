// adamW scalars: 1 × 1 × 1 workgroups
// reads healthy: array<f32> = input 0
// reads scale: array<f32> = input 1
// reads rate: array<f32> = input 2
// reads correction1: array<f32> = input 3
// reads correction2: array<f32> = input 4
// writes scalars: array<f32> = workspace 0 … 32
@compute @workgroup_size(1)
fn main() {
  scalars[0] = healthy[0];
  scalars[1] = scale[0];
  scalars[2] = rate[0];
  scalars[3] = correction1[0];
  scalars[4] = correction2[0];
}

// adamW: 1 × 1 × 1 workgroups
// reads scalars: array<f32> = workspace 0 … 32
// reads p0: array<vec4<f32>> = input 5 0 … 120
// reads m0: array<vec4<f32>> = input 6 0 … 120
// reads v0: array<vec4<f32>> = input 7 0 … 120
// reads g0: array<vec4<f32>> = input 8 0 … 120
// writes newP0: array<vec4<f32>> = output 0 0 … 120
// writes newM0: array<vec4<f32>> = output 1 0 … 120
// writes newV0: array<vec4<f32>> = output 2 0 … 120
@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let group = (workgroup.y * grid.x + workgroup.x);
  let sick = scalars[0] == 0.0;
  let scale = scalars[1];
  let rate = scalars[2];
  let correction1 = scalars[3];
  let correction2 = scalars[4];
  if (group < 1u) {
    let i = (group - 0u) * 256u + thread;
    if (i >= 8u) { return; }
    let p = p0[i];
    let m = m0[i];
    let v = v0[i];
    let g = g0[i] * scale;
    let first = m * f32(0.8999999761581421) + g * f32(0.10000000149011612);
    let second = v * f32(0.9900000095367432) + g * g * f32(0.009999999776482582);
    let direction = first * correction1 / (sqrt(second * correction2) + f32(9.99999993922529e-9));
    newP0[i] = select(p - min(rate, f32(0.0010000000474974513)) * (direction + f32(0.10000000149011612) * p), p, sick);
    newM0[i] = select(first, m, sick);
    newV0[i] = select(second, v, sick);
  }
}
