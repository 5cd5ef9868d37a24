// causalAttentionGradient of queries: 1536 × 1 × 1 workgroups; tiles of 16 × 16 queries and keys
// reads slope: array<f32>
// reads query: array<f32>
// reads key: array<f32>
// reads value: array<f32>
// reads logSumExp: array<f32>
// writes slopeSum: array<f32>
// reads mixed: array<f32>
// writes queryGradient: array<f32>
fn expNegative1(x: f32) -> f32 {
  let clamped = select(x, f32(-87.4), x < f32(-87.4));
  let n = round(clamped * 1.4426950408889634);
  let r = (clamped - n * 0.693359375) - n * -2.1219444005469057e-4;
  let p = (((0.0013814538 * r + 0.0083687454) * r + 0.04166839) * r + 0.16666521) * r + 0.49999994;
  let power = bitcast<f32>((i32(n) + i32(127)) << u32(23u));
  return select((((r * r) * p + r) + 1.0) * power, f32(0.0), x < f32(-87.3));
}
var<workgroup> rowsA: array<vec4<f32>, 144>;
var<workgroup> rowsB: array<vec4<f32>, 144>;
var<workgroup> columnsA: array<vec4<f32>, 144>;
var<workgroup> columnsB: array<vec4<f32>, 144>;
var<workgroup> weights: array<vec2<f32>, 144>;
fn read_slope(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  let row = first + i / 9u;
  if (row >= 2048u) { return x; }
  let d = 4u * (i % 9u);
  let at = (sequence * 2048u + row) * 33u + d;
  if (d + 0u < 33u) { x[0] = slope[at + 0u]; }
  if (d + 1u < 33u) { x[1] = slope[at + 1u]; }
  if (d + 2u < 33u) { x[2] = slope[at + 2u]; }
  if (d + 3u < 33u) { x[3] = slope[at + 3u]; }
  return x;
}
fn read_query(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  let row = first + i / 9u;
  if (row >= 2048u) { return x; }
  let d = 4u * (i % 9u);
  let at = (sequence * 2048u + row) * 33u + d;
  if (d + 0u < 33u) { x[0] = query[at + 0u]; }
  if (d + 1u < 33u) { x[1] = query[at + 1u]; }
  if (d + 2u < 33u) { x[2] = query[at + 2u]; }
  if (d + 3u < 33u) { x[3] = query[at + 3u]; }
  return x;
}
fn read_key(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  let row = first + i / 9u;
  if (row >= 2048u) { return x; }
  let d = 4u * (i % 9u);
  let at = (sequence * 2048u + row) * 33u + d;
  if (d + 0u < 33u) { x[0] = key[at + 0u]; }
  if (d + 1u < 33u) { x[1] = key[at + 1u]; }
  if (d + 2u < 33u) { x[2] = key[at + 2u]; }
  if (d + 3u < 33u) { x[3] = key[at + 3u]; }
  return x;
}
fn read_value(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  let row = first + i / 9u;
  if (row >= 2048u) { return x; }
  let d = 4u * (i % 9u);
  let at = (sequence * 2048u + row) * 33u + d;
  if (d + 0u < 33u) { x[0] = value[at + 0u]; }
  if (d + 1u < 33u) { x[1] = value[at + 1u]; }
  if (d + 2u < 33u) { x[2] = value[at + 2u]; }
  if (d + 3u < 33u) { x[3] = value[at + 3u]; }
  return x;
}
fn read_mixed(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  let row = first + i / 9u;
  if (row >= 2048u) { return x; }
  let d = 4u * (i % 9u);
  let at = (sequence * 2048u + row) * 33u + d;
  if (d + 0u < 33u) { x[0] = mixed[at + 0u]; }
  if (d + 1u < 33u) { x[1] = mixed[at + 1u]; }
  if (d + 2u < 33u) { x[2] = mixed[at + 2u]; }
  if (d + 3u < 33u) { x[3] = mixed[at + 3u]; }
  return x;
}
fn write_queryGradient(sequence: u32, row: u32, at: u32, x: vec4<f32>) {
  if (row >= 2048u || at >= 9u) { return; }
  let start = (sequence * 2048u + row) * 33u + 4u * at;
  if (4u * at + 0u < 33u) { queryGradient[start + 0u] = x[0]; }
  if (4u * at + 1u < 33u) { queryGradient[start + 1u] = x[1]; }
  if (4u * at + 2u < 33u) { queryGradient[start + 2u] = x[2]; }
  if (4u * at + 3u < 33u) { queryGradient[start + 3u] = x[3]; }
}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let number = (workgroup.y * grid.x + workgroup.x);
  if (number >= 1536u) { return; }
  let sequence = number % 12u;
  let first = 16u * (127u - number / 12u);
  let group = thread / 8u;
  let lane = thread % 8u;
for (var i = thread; i < 144u; i += 64u) {
  rowsA[(i / 9u) * 9u + i % 9u] = read_query(sequence, first, i) * f32(0.125);
}
for (var i = thread; i < 144u; i += 64u) {
  rowsB[(i / 9u) * 9u + i % 9u] = read_slope(sequence, first, i);
}
let logSum0 = logSumExp[sequence * 2048u + min(first + group + 0u, 2047u)];
var own0 = 0.0;
let logSum1 = logSumExp[sequence * 2048u + min(first + group + 8u, 2047u)];
var own1 = 0.0;
workgroupBarrier();
// Σ dy·y of a thread's rows; the eight threads of a row make the same sum.
for (var d = 0u; d < 9u; d++) {
  own0 += dot(rowsB[(group + 0u) * 9u + d], read_mixed(sequence, first + group + 0u, d));
  own1 += dot(rowsB[(group + 8u) * 9u + d], read_mixed(sequence, first + group + 8u, d));
}
if (lane == 0u && first + group + 0u < 2048u) { slopeSum[sequence * 2048u + first + group + 0u] = own0; }
if (lane == 0u && first + group + 8u < 2048u) { slopeSum[sequence * 2048u + first + group + 8u] = own1; }
var dq0_0 = vec4<f32>();
var dq0_1 = vec4<f32>();
var dq1_0 = vec4<f32>();
var dq1_1 = vec4<f32>();
for (var base = 0u; base < min(first + 16u, 2048u); base += 16u) {
for (var i = thread; i < 144u; i += 64u) {
  columnsA[(i / 9u) * 9u + i % 9u] = read_key(sequence, base, i);
}
for (var i = thread; i < 144u; i += 64u) {
  columnsB[(i / 9u) * 9u + i % 9u] = read_value(sequence, base, i);
}
workgroupBarrier();
var s0_0 = 0.0;
var s0_1 = 0.0;
var s1_0 = 0.0;
var s1_1 = 0.0;
for (var d = 0u; d < 9u; d++) {
  let a0 = rowsA[(group + 0u) * 9u + d];
  let a1 = rowsA[(group + 8u) * 9u + d];
  let b0 = columnsA[(lane + 0u) * 9u + d];
  let b1 = columnsA[(lane + 8u) * 9u + d];
  s0_0 = a0.x * b0.x + a0.y * b0.y + a0.z * b0.z + a0.w * b0.w + s0_0;
  s0_1 = a0.x * b1.x + a0.y * b1.y + a0.z * b1.z + a0.w * b1.w + s0_1;
  s1_0 = a1.x * b0.x + a1.y * b0.y + a1.z * b0.z + a1.w * b0.w + s1_0;
  s1_1 = a1.x * b1.x + a1.y * b1.y + a1.z * b1.z + a1.w * b1.w + s1_1;
}
var g0_0 = 0.0;
var g0_1 = 0.0;
var g1_0 = 0.0;
var g1_1 = 0.0;
for (var d = 0u; d < 9u; d++) {
  let a0 = rowsB[(group + 0u) * 9u + d];
  let a1 = rowsB[(group + 8u) * 9u + d];
  let b0 = columnsB[(lane + 0u) * 9u + d];
  let b1 = columnsB[(lane + 8u) * 9u + d];
  g0_0 = a0.x * b0.x + a0.y * b0.y + a0.z * b0.z + a0.w * b0.w + g0_0;
  g0_1 = a0.x * b1.x + a0.y * b1.y + a0.z * b1.z + a0.w * b1.w + g0_1;
  g1_0 = a1.x * b0.x + a1.y * b0.y + a1.z * b0.z + a1.w * b0.w + g1_0;
  g1_1 = a1.x * b1.x + a1.y * b1.y + a1.z * b1.z + a1.w * b1.w + g1_1;
}
s0_0 = select(0.0, expNegative1(s0_0 - logSum0) * (g0_0 - own0), base + lane + 0u <= first + group + 0u);
s0_1 = select(0.0, expNegative1(s0_1 - logSum0) * (g0_1 - own0), base + lane + 8u <= first + group + 0u);
s1_0 = select(0.0, expNegative1(s1_0 - logSum1) * (g1_0 - own1), base + lane + 0u <= first + group + 8u);
s1_1 = select(0.0, expNegative1(s1_1 - logSum1) * (g1_1 - own1), base + lane + 8u <= first + group + 8u);
weights[(group + 0u) * 9u + lane] = vec2<f32>(s0_0, s0_1);
weights[(group + 8u) * 9u + lane] = vec2<f32>(s1_0, s1_1);
workgroupBarrier();
for (var t = 0u; t < 8u; t++) {
  let p0 = weights[(group + 0u) * 9u + t];
  let p1 = weights[(group + 8u) * 9u + t];
  let x0_0 = columnsA[(t + 0u) * 9u + lane + 0u];
  dq0_0 += p0[0] * x0_0;
  dq1_0 += p1[0] * x0_0;
  let x0_1 = columnsA[(t + 0u) * 9u + min(lane + 8u, 8u)];
  dq0_1 += p0[0] * x0_1;
  dq1_1 += p1[0] * x0_1;
  let x1_0 = columnsA[(t + 8u) * 9u + lane + 0u];
  dq0_0 += p0[1] * x1_0;
  dq1_0 += p1[1] * x1_0;
  let x1_1 = columnsA[(t + 8u) * 9u + min(lane + 8u, 8u)];
  dq0_1 += p0[1] * x1_1;
  dq1_1 += p1[1] * x1_1;
}
workgroupBarrier();
}
write_queryGradient(sequence, first + group + 0u, lane + 0u, dq0_0 * f32(0.125));
write_queryGradient(sequence, first + group + 0u, lane + 8u, dq0_1 * f32(0.125));
write_queryGradient(sequence, first + group + 8u, lane + 0u, dq1_0 * f32(0.125));
write_queryGradient(sequence, first + group + 8u, lane + 8u, dq1_1 * f32(0.125));
}

// causalAttentionGradient of keys: 1536 × 1 × 1 workgroups; tiles of 16 × 16 queries and keys
// reads slope: array<f32>
// reads query: array<f32>
// reads key: array<f32>
// reads value: array<f32>
// reads logSumExp: array<f32>
// writes slopeSum: array<f32>
// writes keyGradient: array<f32>
// writes valueGradient: array<f32>
fn expNegative1(x: f32) -> f32 {
  let clamped = select(x, f32(-87.4), x < f32(-87.4));
  let n = round(clamped * 1.4426950408889634);
  let r = (clamped - n * 0.693359375) - n * -2.1219444005469057e-4;
  let p = (((0.0013814538 * r + 0.0083687454) * r + 0.04166839) * r + 0.16666521) * r + 0.49999994;
  let power = bitcast<f32>((i32(n) + i32(127)) << u32(23u));
  return select((((r * r) * p + r) + 1.0) * power, f32(0.0), x < f32(-87.3));
}
var<workgroup> rowsA: array<vec4<f32>, 144>;
var<workgroup> rowsB: array<vec4<f32>, 144>;
var<workgroup> columnsA: array<vec4<f32>, 144>;
var<workgroup> columnsB: array<vec4<f32>, 144>;
var<workgroup> weights: array<vec2<f32>, 144>;
var<workgroup> slopes: array<vec2<f32>, 144>;
fn read_slope(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  let row = first + i / 9u;
  if (row >= 2048u) { return x; }
  let d = 4u * (i % 9u);
  let at = (sequence * 2048u + row) * 33u + d;
  if (d + 0u < 33u) { x[0] = slope[at + 0u]; }
  if (d + 1u < 33u) { x[1] = slope[at + 1u]; }
  if (d + 2u < 33u) { x[2] = slope[at + 2u]; }
  if (d + 3u < 33u) { x[3] = slope[at + 3u]; }
  return x;
}
fn read_query(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  let row = first + i / 9u;
  if (row >= 2048u) { return x; }
  let d = 4u * (i % 9u);
  let at = (sequence * 2048u + row) * 33u + d;
  if (d + 0u < 33u) { x[0] = query[at + 0u]; }
  if (d + 1u < 33u) { x[1] = query[at + 1u]; }
  if (d + 2u < 33u) { x[2] = query[at + 2u]; }
  if (d + 3u < 33u) { x[3] = query[at + 3u]; }
  return x;
}
fn read_key(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  let row = first + i / 9u;
  if (row >= 2048u) { return x; }
  let d = 4u * (i % 9u);
  let at = (sequence * 2048u + row) * 33u + d;
  if (d + 0u < 33u) { x[0] = key[at + 0u]; }
  if (d + 1u < 33u) { x[1] = key[at + 1u]; }
  if (d + 2u < 33u) { x[2] = key[at + 2u]; }
  if (d + 3u < 33u) { x[3] = key[at + 3u]; }
  return x;
}
fn read_value(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  let row = first + i / 9u;
  if (row >= 2048u) { return x; }
  let d = 4u * (i % 9u);
  let at = (sequence * 2048u + row) * 33u + d;
  if (d + 0u < 33u) { x[0] = value[at + 0u]; }
  if (d + 1u < 33u) { x[1] = value[at + 1u]; }
  if (d + 2u < 33u) { x[2] = value[at + 2u]; }
  if (d + 3u < 33u) { x[3] = value[at + 3u]; }
  return x;
}
fn write_keyGradient(sequence: u32, row: u32, at: u32, x: vec4<f32>) {
  if (row >= 2048u || at >= 9u) { return; }
  let start = (sequence * 2048u + row) * 33u + 4u * at;
  if (4u * at + 0u < 33u) { keyGradient[start + 0u] = x[0]; }
  if (4u * at + 1u < 33u) { keyGradient[start + 1u] = x[1]; }
  if (4u * at + 2u < 33u) { keyGradient[start + 2u] = x[2]; }
  if (4u * at + 3u < 33u) { keyGradient[start + 3u] = x[3]; }
}
fn write_valueGradient(sequence: u32, row: u32, at: u32, x: vec4<f32>) {
  if (row >= 2048u || at >= 9u) { return; }
  let start = (sequence * 2048u + row) * 33u + 4u * at;
  if (4u * at + 0u < 33u) { valueGradient[start + 0u] = x[0]; }
  if (4u * at + 1u < 33u) { valueGradient[start + 1u] = x[1]; }
  if (4u * at + 2u < 33u) { valueGradient[start + 2u] = x[2]; }
  if (4u * at + 3u < 33u) { valueGradient[start + 3u] = x[3]; }
}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let number = (workgroup.y * grid.x + workgroup.x);
  if (number >= 1536u) { return; }
  let sequence = number % 12u;
  let first = 16u * (number / 12u);
  let group = thread / 8u;
  let lane = thread % 8u;
for (var i = thread; i < 144u; i += 64u) {
  rowsA[(i / 9u) * 9u + i % 9u] = read_key(sequence, first, i) * f32(0.125);
}
for (var i = thread; i < 144u; i += 64u) {
  rowsB[(i / 9u) * 9u + i % 9u] = read_value(sequence, first, i);
}
var dk0_0 = vec4<f32>();
var dk0_1 = vec4<f32>();
var dk1_0 = vec4<f32>();
var dk1_1 = vec4<f32>();
var dv0_0 = vec4<f32>();
var dv0_1 = vec4<f32>();
var dv1_0 = vec4<f32>();
var dv1_1 = vec4<f32>();
for (var base = first - first % 16u; base < 2048u; base += 16u) {
for (var i = thread; i < 144u; i += 64u) {
  columnsA[(i / 9u) * 9u + i % 9u] = read_query(sequence, base, i);
}
for (var i = thread; i < 144u; i += 64u) {
  columnsB[(i / 9u) * 9u + i % 9u] = read_slope(sequence, base, i);
}
workgroupBarrier();
var s0_0 = 0.0;
var s0_1 = 0.0;
var s1_0 = 0.0;
var s1_1 = 0.0;
for (var d = 0u; d < 9u; d++) {
  let a0 = rowsA[(group + 0u) * 9u + d];
  let a1 = rowsA[(group + 8u) * 9u + d];
  let b0 = columnsA[(lane + 0u) * 9u + d];
  let b1 = columnsA[(lane + 8u) * 9u + d];
  s0_0 = a0.x * b0.x + a0.y * b0.y + a0.z * b0.z + a0.w * b0.w + s0_0;
  s0_1 = a0.x * b1.x + a0.y * b1.y + a0.z * b1.z + a0.w * b1.w + s0_1;
  s1_0 = a1.x * b0.x + a1.y * b0.y + a1.z * b0.z + a1.w * b0.w + s1_0;
  s1_1 = a1.x * b1.x + a1.y * b1.y + a1.z * b1.z + a1.w * b1.w + s1_1;
}
var g0_0 = 0.0;
var g0_1 = 0.0;
var g1_0 = 0.0;
var g1_1 = 0.0;
for (var d = 0u; d < 9u; d++) {
  let a0 = rowsB[(group + 0u) * 9u + d];
  let a1 = rowsB[(group + 8u) * 9u + d];
  let b0 = columnsB[(lane + 0u) * 9u + d];
  let b1 = columnsB[(lane + 8u) * 9u + d];
  g0_0 = a0.x * b0.x + a0.y * b0.y + a0.z * b0.z + a0.w * b0.w + g0_0;
  g0_1 = a0.x * b1.x + a0.y * b1.y + a0.z * b1.z + a0.w * b1.w + g0_1;
  g1_0 = a1.x * b0.x + a1.y * b0.y + a1.z * b0.z + a1.w * b0.w + g1_0;
  g1_1 = a1.x * b1.x + a1.y * b1.y + a1.z * b1.z + a1.w * b1.w + g1_1;
}
let place0 = sequence * 2048u + min(base + lane + 0u, 2047u);
let logSum0 = logSumExp[place0];
let own0 = slopeSum[place0];
let place1 = sequence * 2048u + min(base + lane + 8u, 2047u);
let logSum1 = logSumExp[place1];
let own1 = slopeSum[place1];
s0_0 = select(0.0, expNegative1(s0_0 - logSum0), base + lane + 0u >= first + group + 0u && base + lane + 0u < 2048u);
g0_0 = select(0.0, s0_0 * (g0_0 - own0), base + lane + 0u >= first + group + 0u && base + lane + 0u < 2048u);
s0_1 = select(0.0, expNegative1(s0_1 - logSum1), base + lane + 8u >= first + group + 0u && base + lane + 8u < 2048u);
g0_1 = select(0.0, s0_1 * (g0_1 - own1), base + lane + 8u >= first + group + 0u && base + lane + 8u < 2048u);
s1_0 = select(0.0, expNegative1(s1_0 - logSum0), base + lane + 0u >= first + group + 8u && base + lane + 0u < 2048u);
g1_0 = select(0.0, s1_0 * (g1_0 - own0), base + lane + 0u >= first + group + 8u && base + lane + 0u < 2048u);
s1_1 = select(0.0, expNegative1(s1_1 - logSum1), base + lane + 8u >= first + group + 8u && base + lane + 8u < 2048u);
g1_1 = select(0.0, s1_1 * (g1_1 - own1), base + lane + 8u >= first + group + 8u && base + lane + 8u < 2048u);
weights[(group + 0u) * 9u + lane] = vec2<f32>(s0_0, s0_1);
weights[(group + 8u) * 9u + lane] = vec2<f32>(s1_0, s1_1);
slopes[(group + 0u) * 9u + lane] = vec2<f32>(g0_0, g0_1);
slopes[(group + 8u) * 9u + lane] = vec2<f32>(g1_0, g1_1);
workgroupBarrier();
for (var t = 0u; t < 8u; t++) {
  let p0 = weights[(group + 0u) * 9u + t];
  let p1 = weights[(group + 8u) * 9u + t];
  let x0_0 = columnsB[(t + 0u) * 9u + lane + 0u];
  dv0_0 += p0[0] * x0_0;
  dv1_0 += p1[0] * x0_0;
  let x0_1 = columnsB[(t + 0u) * 9u + min(lane + 8u, 8u)];
  dv0_1 += p0[0] * x0_1;
  dv1_1 += p1[0] * x0_1;
  let x1_0 = columnsB[(t + 8u) * 9u + lane + 0u];
  dv0_0 += p0[1] * x1_0;
  dv1_0 += p1[1] * x1_0;
  let x1_1 = columnsB[(t + 8u) * 9u + min(lane + 8u, 8u)];
  dv0_1 += p0[1] * x1_1;
  dv1_1 += p1[1] * x1_1;
}
for (var t = 0u; t < 8u; t++) {
  let p0 = slopes[(group + 0u) * 9u + t];
  let p1 = slopes[(group + 8u) * 9u + t];
  let x0_0 = columnsA[(t + 0u) * 9u + lane + 0u];
  dk0_0 += p0[0] * x0_0;
  dk1_0 += p1[0] * x0_0;
  let x0_1 = columnsA[(t + 0u) * 9u + min(lane + 8u, 8u)];
  dk0_1 += p0[0] * x0_1;
  dk1_1 += p1[0] * x0_1;
  let x1_0 = columnsA[(t + 8u) * 9u + lane + 0u];
  dk0_0 += p0[1] * x1_0;
  dk1_0 += p1[1] * x1_0;
  let x1_1 = columnsA[(t + 8u) * 9u + min(lane + 8u, 8u)];
  dk0_1 += p0[1] * x1_1;
  dk1_1 += p1[1] * x1_1;
}
workgroupBarrier();
}
write_keyGradient(sequence, first + group + 0u, lane + 0u, dk0_0 * f32(0.125));
write_valueGradient(sequence, first + group + 0u, lane + 0u, dv0_0);
write_keyGradient(sequence, first + group + 0u, lane + 8u, dk0_1 * f32(0.125));
write_valueGradient(sequence, first + group + 0u, lane + 8u, dv0_1);
write_keyGradient(sequence, first + group + 8u, lane + 0u, dk1_0 * f32(0.125));
write_valueGradient(sequence, first + group + 8u, lane + 0u, dv1_0);
write_keyGradient(sequence, first + group + 8u, lane + 8u, dk1_1 * f32(0.125));
write_valueGradient(sequence, first + group + 8u, lane + 8u, dv1_1);
}
