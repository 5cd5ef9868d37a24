// softmax: 2 × 1 × 1 workgroups
// reads x: array<f32> = input 0 0 … 660
// writes y: array<f32> = output 0 0 … 660
fn larger1(a: f32, b: f32) -> f32 { return select(a, b, b > a); }
fn expNegative1(x: f32) -> f32 {
  let clamped = select(x, f32(-87.4), x < f32(-87.4));
  let n = round(clamped * 1.4426950408889634);
  let r = (clamped - n * 0.693359375) - n * -2.1219444005469057e-4;
  let p = (((0.0013814538 * r + 0.0083687454) * r + 0.04166839) * r + 0.16666521) * r + 0.49999994;
  let power = bitcast<f32>((i32(n) + i32(127)) << u32(23u));
  return select((((r * r) * p + r) + 1.0) * power, f32(0.0), x < f32(-87.3));
}
var<private> noBits: u32 = 0u;
fn nonFinite(bits: u32) -> f32 { return bitcast<f32>(bits | noBits); }
var<workgroup> largestOfRowValues: array<f32, 256>;
var<workgroup> largestOfRowParts: array<f32, 32>;
fn largestOfRow(thread: u32, value: f32) -> f32 {
  let lane = thread % 64u;
  let row = thread / 64u * 8u;
  largestOfRowValues[thread] = value;
  workgroupBarrier();
  if (lane < 8u) {
    var part = largestOfRowValues[thread];
    for (var j = 8u; j < 64u; j += 8u) { part = larger1(part, largestOfRowValues[thread + j]); }
    largestOfRowParts[row + lane] = part;
  }
  workgroupBarrier();
  var total = largestOfRowParts[row];
  for (var j = 1u; j < 8u; j++) { total = larger1(total, largestOfRowParts[row + j]); }
  return total;
}
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
  let live = number < 5u;
  let row = min(number, 4u);
  let base = row * 33u;
  var a0 = f32();
  { let u = lane; if (u < 33u) { a0 = x[base + u]; } }
  var most = -3.4028234e38;
  { let u = lane; if (u < 33u) { let v = a0; most = larger1(most, v); } }
  most = largestOfRow(thread, most);
  var sums = f32();
  { let u = lane; if (u < 33u) { a0 = expNegative1(a0 - most); sums += a0; } }
  let total = sumOfRow(thread, sums);
  // Nothing but −∞ is no distribution.
  let share = select(1.0 / total, nonFinite(0x7fc00000u), total == 0.0);
  if (live) {
  { let u = lane; if (u < 33u) { y[base + u] = a0 * share; } }
  }
}
