// sum: 513 × 1 × 1 workgroups
// reads x: array<vec4<f32>> = input 0 0 … 25165824
// writes y: array<vec4<f32>> = workspace 0 … 65664
var<workgroup> parts: array<vec4<f32>, 256>;
@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let number = min((workgroup.y * grid.x + workgroup.x), 512u);
  let column = number % 3u * 8u + thread % 8u;
  let chunk = number / 3u % 171u;
  let row = number / 513u;
  let end = min((chunk + 1u) * 384u, 65536u);
  var part = vec4<f32>(0.0);
  if (column < 24u) {
    for (var r = chunk * 384u + thread / 8u; r < end; r += 32u) {
      let value = x[(row * 65536u + r) * 24u + column];
      part = part + value;
    }
  }
  parts[thread] = part;
  workgroupBarrier();
  if (thread < 8u && column < 24u) {
    for (var slice = 1u; slice < 32u; slice++) {
      part = part + parts[slice * 8u + thread];
    }
    y[((row + 0u) * 171u + 0u + chunk) * 24u + column] = part;
  }
}

// sum: 3 × 1 × 1 workgroups
// reads x: array<vec4<f32>> = workspace 0 … 65664
// writes y: array<vec4<f32>> = output 0
var<workgroup> parts: array<vec4<f32>, 256>;
@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let number = min((workgroup.y * grid.x + workgroup.x), 2u);
  let column = number % 3u * 8u + thread % 8u;
  let chunk = number / 3u % 1u;
  let row = number / 3u;
  let end = min((chunk + 1u) * 171u, 171u);
  var part = vec4<f32>(0.0);
  if (column < 24u) {
    for (var r = chunk * 171u + thread / 8u; r < end; r += 32u) {
      let value = x[(row * 171u + r) * 24u + column];
      part = part + value;
    }
  }
  parts[thread] = part;
  workgroupBarrier();
  if (thread < 8u && column < 24u) {
    for (var slice = 1u; slice < 32u; slice++) {
      part = part + parts[slice * 8u + thread];
    }
    y[((row + 0u) * 1u + 0u + chunk) * 24u + column] = part;
  }
}
