// gatherRows: 24 × 1 × 1 workgroups
// reads table: array<vec4<f32>> = input 0 0 … 307200
// reads ids: array<i32> = input 1
// writes y: array<vec4<f32>> = output 0 0 … 98304
var<private> noBits: u32 = 0u;
fn nonFinite(bits: u32) -> f32 { return bitcast<f32>(bits | noBits); }
@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let i = (workgroup.y * grid.x + workgroup.x) * 256u + thread;
  if (i >= 6144u) { return; }
  let id = ids[i / 192u + 0u];
  if (id >= 0 && id < 100) {
    y[i] = table[u32(id - 0) * 192u + i % 192u];
  }
  if (id < 0 || id >= 100) { y[i] = vec4<f32>(nonFinite(0x7fc00000u)); }
}
