// layerNorm: 512 × 1 × 1 workgroups
// reads x: array<vec4<f32>> = input 0 0 … 6291456
// reads weight: array<vec4<f32>> = input 1
// reads bias: array<vec4<f32>> = input 2
// writes y: array<vec4<f32>> = output 0 0 … 6291456
var<workgroup> sumOfRowValues: array<f32, 256>;
var<workgroup> sumOfRowParts: array<f32, 32>;
fn sumOfRow(thread: u32, value: f32) -> f32 {
  let lane = thread % 64u;
  let row = thread / 64u * 8u;
  sumOfRowValues[thread] = value;
  workgroupBarrier();
  if (lane < 8u) {
    var part = sumOfRowValues[thread];
    for (var j = 8u; j < 64u; j += 8u) { part = part + sumOfRowValues[thread + j]; }
    sumOfRowParts[row + lane] = part;
  }
  workgroupBarrier();
  var total = sumOfRowParts[row];
  for (var j = 1u; j < 8u; j++) { total = total + sumOfRowParts[row + j]; }
  return total;
}
@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let number = (workgroup.y * grid.x + workgroup.x) * 4u + thread / 64u;
  let lane = thread % 64u;
  let live = number < 2048u;
  let row = min(number, 2047u);
  let base = row * 192u;
  var a0 = vec4<f32>();
  var a1 = vec4<f32>();
  var a2 = vec4<f32>();
  { let u = lane; a0 = x[base + u]; }
  { let u = lane + 64u; a1 = x[base + u]; }
  { let u = lane + 128u; a2 = x[base + u]; }
  var sums = vec4<f32>();
  { let u = lane; sums += a0; }
  { let u = lane + 64u; sums += a1; }
  { let u = lane + 128u; sums += a2; }
  let mean = sumOfRow(thread, (sums.x + sums.y) + (sums.z + sums.w)) / 768.0;
  sums = vec4<f32>();
  { let u = lane; let d = a0 - mean; sums += d * d; }
  { let u = lane + 64u; let d = a1 - mean; sums += d * d; }
  { let u = lane + 128u; let d = a2 - mean; sums += d * d; }
  let deviation = 1.0 / sqrt(sumOfRow(thread, (sums.x + sums.y) + (sums.z + sums.w)) / 768.0 + f32(0.000009999999747378752));
  if (live) {
  { let u = lane; y[base + u] = (a0 - mean) * deviation * weight[u] + bias[u]; }
  { let u = lane + 64u; y[base + u] = (a1 - mean) * deviation * weight[u] + bias[u]; }
  { let u = lane + 128u; y[base + u] = (a2 - mean) * deviation * weight[u] + bias[u]; }
    
  }
}
