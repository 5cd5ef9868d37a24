// causalAttention: 384 × 1 × 1 workgroups; tiles of 64 queries and 32 keys
// reads query: array<vec4<f32>>
// reads key: array<vec4<f32>>
// reads value: array<vec4<f32>>
// writes mixed: array<vec4<f32>>
// writes logSumExp: array<f32>
fn expNegative1(x: f32) -> f32 {
  let clamped = select(x, f32(-87.4), x < f32(-87.4));
  let n = round(clamped * 1.4426950408889634);
  let r = (clamped - n * 0.693359375) - n * -2.1219444005469057e-4;
  let p = (((0.0013814538 * r + 0.0083687454) * r + 0.04166839) * r + 0.16666521) * r + 0.49999994;
  let power = bitcast<f32>((i32(n) + i32(127)) << u32(23u));
  return select((((r * r) * p + r) + 1.0) * power, f32(0.0), x < f32(-87.3));
}
fn artanhTwice1(s: f32) -> f32 {
  let z = s * s;
  return (s + s) + s * z * (((0.22222222 * z + 0.2857143) * z + 0.4) * z + 0.6666667);
}
struct LogParts1 { power: f32, rest: f32 }
fn logParts1(x: f32) -> LogParts1 {
  let bits = bitcast<u32>(x) - u32(0x3f3504f3u);
  let m = bitcast<f32>((bits & u32(0x7fffffu)) + u32(0x3f3504f3u));
  return LogParts1(f32(bitcast<i32>(bits) >> u32(23u)), artanhTwice1((m - 1.0) / (m + 1.0)));
}
var<private> noBits: u32 = 0u;
fn nonFinite(bits: u32) -> f32 { return bitcast<f32>(bits | noBits); }
fn log1(x: f32) -> f32 {
  let parts = logParts1(x);
  let finite = parts.power * 0.693359375 + (parts.rest + parts.power * -2.1219444005469057e-4);
  let unbounded = (bitcast<u32>(x) & u32(0x7fffffffu)) >= u32(0x7f800000u);
  let positive = select(select(finite, f32(nonFinite(0xff800000u)), x < f32(1.1754944e-38)), x, unbounded);
  return select(positive, f32(nonFinite(0x7fc00000u)), x < f32(0.0));
}
var<workgroup> queries: array<vec4<f32>, 1088>;
var<workgroup> keysOrValues: array<vec4<f32>, 544>;
var<workgroup> weights: array<vec4<f32>, 576>;
var<workgroup> shared8: array<f32, 576>;
fn read_query(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  if (first + i / 16u >= 2048u) { return vec4<f32>(); }
  return query[(sequence * 2048u + first) * 16u + i];
}
fn read_key(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  if (first + i / 16u >= 2048u) { return vec4<f32>(); }
  return key[(sequence * 2048u + first) * 16u + i];
}
fn read_value(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  if (first + i / 16u >= 2048u) { return vec4<f32>(); }
  return value[(sequence * 2048u + first) * 16u + i];
}
fn write_mixed(sequence: u32, row: u32, at: u32, x: vec4<f32>) {
  if (row >= 2048u || at >= 16u) { return; }
  mixed[(sequence * 2048u + row) * 16u + at] = x;
}
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let number = (workgroup.y * grid.x + workgroup.x);
  if (number >= 384u) { return; }
  let sequence = number % 12u;
  let first = 64u * (31u - number / 12u);
  let group = thread / 8u;
  let lane = thread % 8u;
for (var i = thread; i < 1024u; i += 128u) {
  queries[(i / 16u) * 17u + i % 16u] = read_query(sequence, first, i) * f32(0.125);
}
var y0_0 = vec4<f32>();
var y0_1 = vec4<f32>();
var y1_0 = vec4<f32>();
var y1_1 = vec4<f32>();
var y2_0 = vec4<f32>();
var y2_1 = vec4<f32>();
var y3_0 = vec4<f32>();
var y3_1 = vec4<f32>();
var largest0 = nonFinite(0xff800000u);
var total0 = 0.0;
var largest1 = nonFinite(0xff800000u);
var total1 = 0.0;
var largest2 = nonFinite(0xff800000u);
var total2 = 0.0;
var largest3 = nonFinite(0xff800000u);
var total3 = 0.0;
for (var base = 0u; base < min(first + 64u, 2048u); base += 32u) {
for (var i = thread; i < 512u; i += 128u) {
  keysOrValues[(i / 16u) * 17u + i % 16u] = read_key(sequence, base, i);
}
workgroupBarrier();
var s0_0 = 0.0;
var s0_1 = 0.0;
var s0_2 = 0.0;
var s0_3 = 0.0;
var s1_0 = 0.0;
var s1_1 = 0.0;
var s1_2 = 0.0;
var s1_3 = 0.0;
var s2_0 = 0.0;
var s2_1 = 0.0;
var s2_2 = 0.0;
var s2_3 = 0.0;
var s3_0 = 0.0;
var s3_1 = 0.0;
var s3_2 = 0.0;
var s3_3 = 0.0;
for (var d = 0u; d < 16u; d++) {
  let a0 = queries[(group + 0u) * 17u + d];
  let a1 = queries[(group + 16u) * 17u + d];
  let a2 = queries[(group + 32u) * 17u + d];
  let a3 = queries[(group + 48u) * 17u + d];
  let b0 = keysOrValues[(lane + 0u) * 17u + d];
  let b1 = keysOrValues[(lane + 8u) * 17u + d];
  let b2 = keysOrValues[(lane + 16u) * 17u + d];
  let b3 = keysOrValues[(lane + 24u) * 17u + d];
  s0_0 = a0.x * b0.x + a0.y * b0.y + a0.z * b0.z + a0.w * b0.w + s0_0;
  s0_1 = a0.x * b1.x + a0.y * b1.y + a0.z * b1.z + a0.w * b1.w + s0_1;
  s0_2 = a0.x * b2.x + a0.y * b2.y + a0.z * b2.z + a0.w * b2.w + s0_2;
  s0_3 = a0.x * b3.x + a0.y * b3.y + a0.z * b3.z + a0.w * b3.w + s0_3;
  s1_0 = a1.x * b0.x + a1.y * b0.y + a1.z * b0.z + a1.w * b0.w + s1_0;
  s1_1 = a1.x * b1.x + a1.y * b1.y + a1.z * b1.z + a1.w * b1.w + s1_1;
  s1_2 = a1.x * b2.x + a1.y * b2.y + a1.z * b2.z + a1.w * b2.w + s1_2;
  s1_3 = a1.x * b3.x + a1.y * b3.y + a1.z * b3.z + a1.w * b3.w + s1_3;
  s2_0 = a2.x * b0.x + a2.y * b0.y + a2.z * b0.z + a2.w * b0.w + s2_0;
  s2_1 = a2.x * b1.x + a2.y * b1.y + a2.z * b1.z + a2.w * b1.w + s2_1;
  s2_2 = a2.x * b2.x + a2.y * b2.y + a2.z * b2.z + a2.w * b2.w + s2_2;
  s2_3 = a2.x * b3.x + a2.y * b3.y + a2.z * b3.z + a2.w * b3.w + s2_3;
  s3_0 = a3.x * b0.x + a3.y * b0.y + a3.z * b0.z + a3.w * b0.w + s3_0;
  s3_1 = a3.x * b1.x + a3.y * b1.y + a3.z * b1.z + a3.w * b1.w + s3_1;
  s3_2 = a3.x * b2.x + a3.y * b2.y + a3.z * b2.z + a3.w * b2.w + s3_2;
  s3_3 = a3.x * b3.x + a3.y * b3.y + a3.z * b3.z + a3.w * b3.w + s3_3;
}
// A key after its query counts as −∞.
if (base + lane + 0u > first + group + 0u) { s0_0 = nonFinite(0xff800000u); }
if (base + lane + 8u > first + group + 0u) { s0_1 = nonFinite(0xff800000u); }
if (base + lane + 16u > first + group + 0u) { s0_2 = nonFinite(0xff800000u); }
if (base + lane + 24u > first + group + 0u) { s0_3 = nonFinite(0xff800000u); }
if (base + lane + 0u > first + group + 16u) { s1_0 = nonFinite(0xff800000u); }
if (base + lane + 8u > first + group + 16u) { s1_1 = nonFinite(0xff800000u); }
if (base + lane + 16u > first + group + 16u) { s1_2 = nonFinite(0xff800000u); }
if (base + lane + 24u > first + group + 16u) { s1_3 = nonFinite(0xff800000u); }
if (base + lane + 0u > first + group + 32u) { s2_0 = nonFinite(0xff800000u); }
if (base + lane + 8u > first + group + 32u) { s2_1 = nonFinite(0xff800000u); }
if (base + lane + 16u > first + group + 32u) { s2_2 = nonFinite(0xff800000u); }
if (base + lane + 24u > first + group + 32u) { s2_3 = nonFinite(0xff800000u); }
if (base + lane + 0u > first + group + 48u) { s3_0 = nonFinite(0xff800000u); }
if (base + lane + 8u > first + group + 48u) { s3_1 = nonFinite(0xff800000u); }
if (base + lane + 16u > first + group + 48u) { s3_2 = nonFinite(0xff800000u); }
if (base + lane + 24u > first + group + 48u) { s3_3 = nonFinite(0xff800000u); }
shared8[(group + 0u) * 9u + lane] = max(max(max(s0_0, s0_1), s0_2), s0_3);
shared8[(group + 16u) * 9u + lane] = max(max(max(s1_0, s1_1), s1_2), s1_3);
shared8[(group + 32u) * 9u + lane] = max(max(max(s2_0, s2_1), s2_2), s2_3);
shared8[(group + 48u) * 9u + lane] = max(max(max(s3_0, s3_1), s3_2), s3_3);
workgroupBarrier();
let before0 = largest0;
let before1 = largest1;
let before2 = largest2;
let before3 = largest3;
for (var t = 0u; t < 8u; t++) {
largest0 = max(largest0, shared8[(group + 0u) * 9u + t]);
largest1 = max(largest1, shared8[(group + 16u) * 9u + t]);
largest2 = max(largest2, shared8[(group + 32u) * 9u + t]);
largest3 = max(largest3, shared8[(group + 48u) * 9u + t]);
}
let factor0 = expNegative1(before0 - largest0);
total0 *= factor0;
y0_0 *= factor0;
y0_1 *= factor0;
s0_0 = expNegative1(s0_0 - largest0);
total0 += s0_0;
s0_1 = expNegative1(s0_1 - largest0);
total0 += s0_1;
s0_2 = expNegative1(s0_2 - largest0);
total0 += s0_2;
s0_3 = expNegative1(s0_3 - largest0);
total0 += s0_3;
let factor1 = expNegative1(before1 - largest1);
total1 *= factor1;
y1_0 *= factor1;
y1_1 *= factor1;
s1_0 = expNegative1(s1_0 - largest1);
total1 += s1_0;
s1_1 = expNegative1(s1_1 - largest1);
total1 += s1_1;
s1_2 = expNegative1(s1_2 - largest1);
total1 += s1_2;
s1_3 = expNegative1(s1_3 - largest1);
total1 += s1_3;
let factor2 = expNegative1(before2 - largest2);
total2 *= factor2;
y2_0 *= factor2;
y2_1 *= factor2;
s2_0 = expNegative1(s2_0 - largest2);
total2 += s2_0;
s2_1 = expNegative1(s2_1 - largest2);
total2 += s2_1;
s2_2 = expNegative1(s2_2 - largest2);
total2 += s2_2;
s2_3 = expNegative1(s2_3 - largest2);
total2 += s2_3;
let factor3 = expNegative1(before3 - largest3);
total3 *= factor3;
y3_0 *= factor3;
y3_1 *= factor3;
s3_0 = expNegative1(s3_0 - largest3);
total3 += s3_0;
s3_1 = expNegative1(s3_1 - largest3);
total3 += s3_1;
s3_2 = expNegative1(s3_2 - largest3);
total3 += s3_2;
s3_3 = expNegative1(s3_3 - largest3);
total3 += s3_3;
weights[(group + 0u) * 9u + lane] = vec4<f32>(s0_0, s0_1, s0_2, s0_3);
weights[(group + 16u) * 9u + lane] = vec4<f32>(s1_0, s1_1, s1_2, s1_3);
weights[(group + 32u) * 9u + lane] = vec4<f32>(s2_0, s2_1, s2_2, s2_3);
weights[(group + 48u) * 9u + lane] = vec4<f32>(s3_0, s3_1, s3_2, s3_3);
for (var i = thread; i < 512u; i += 128u) {
  keysOrValues[(i / 16u) * 17u + i % 16u] = read_value(sequence, base, i);
}
workgroupBarrier();
for (var t = 0u; t < 8u; t++) {
  let p0 = weights[(group + 0u) * 9u + t];
  let p1 = weights[(group + 16u) * 9u + t];
  let p2 = weights[(group + 32u) * 9u + t];
  let p3 = weights[(group + 48u) * 9u + t];
  let x0_0 = keysOrValues[(t + 0u) * 17u + lane + 0u];
  y0_0 += p0[0] * x0_0;
  y1_0 += p1[0] * x0_0;
  y2_0 += p2[0] * x0_0;
  y3_0 += p3[0] * x0_0;
  let x0_1 = keysOrValues[(t + 0u) * 17u + lane + 8u];
  y0_1 += p0[0] * x0_1;
  y1_1 += p1[0] * x0_1;
  y2_1 += p2[0] * x0_1;
  y3_1 += p3[0] * x0_1;
  let x1_0 = keysOrValues[(t + 8u) * 17u + lane + 0u];
  y0_0 += p0[1] * x1_0;
  y1_0 += p1[1] * x1_0;
  y2_0 += p2[1] * x1_0;
  y3_0 += p3[1] * x1_0;
  let x1_1 = keysOrValues[(t + 8u) * 17u + lane + 8u];
  y0_1 += p0[1] * x1_1;
  y1_1 += p1[1] * x1_1;
  y2_1 += p2[1] * x1_1;
  y3_1 += p3[1] * x1_1;
  let x2_0 = keysOrValues[(t + 16u) * 17u + lane + 0u];
  y0_0 += p0[2] * x2_0;
  y1_0 += p1[2] * x2_0;
  y2_0 += p2[2] * x2_0;
  y3_0 += p3[2] * x2_0;
  let x2_1 = keysOrValues[(t + 16u) * 17u + lane + 8u];
  y0_1 += p0[2] * x2_1;
  y1_1 += p1[2] * x2_1;
  y2_1 += p2[2] * x2_1;
  y3_1 += p3[2] * x2_1;
  let x3_0 = keysOrValues[(t + 24u) * 17u + lane + 0u];
  y0_0 += p0[3] * x3_0;
  y1_0 += p1[3] * x3_0;
  y2_0 += p2[3] * x3_0;
  y3_0 += p3[3] * x3_0;
  let x3_1 = keysOrValues[(t + 24u) * 17u + lane + 8u];
  y0_1 += p0[3] * x3_1;
  y1_1 += p1[3] * x3_1;
  y2_1 += p2[3] * x3_1;
  y3_1 += p3[3] * x3_1;
}
workgroupBarrier();
}
shared8[(group + 0u) * 9u + lane] = total0;
shared8[(group + 16u) * 9u + lane] = total1;
shared8[(group + 32u) * 9u + lane] = total2;
shared8[(group + 48u) * 9u + lane] = total3;
workgroupBarrier();
var sum0 = 0.0;
var sum1 = 0.0;
var sum2 = 0.0;
var sum3 = 0.0;
for (var t = 0u; t < 8u; t++) {
sum0 += shared8[(group + 0u) * 9u + t];
sum1 += shared8[(group + 16u) * 9u + t];
sum2 += shared8[(group + 32u) * 9u + t];
sum3 += shared8[(group + 48u) * 9u + t];
}
write_mixed(sequence, first + group + 0u, lane + 0u, y0_0 / sum0);
write_mixed(sequence, first + group + 0u, lane + 8u, y0_1 / sum0);
write_mixed(sequence, first + group + 16u, lane + 0u, y1_0 / sum1);
write_mixed(sequence, first + group + 16u, lane + 8u, y1_1 / sum1);
write_mixed(sequence, first + group + 32u, lane + 0u, y2_0 / sum2);
write_mixed(sequence, first + group + 32u, lane + 8u, y2_1 / sum2);
write_mixed(sequence, first + group + 48u, lane + 0u, y3_0 / sum3);
write_mixed(sequence, first + group + 48u, lane + 8u, y3_1 / sum3);
if (lane == 0u && first + group + 0u < 2048u) { logSumExp[sequence * 2048u + first + group + 0u] = largest0 + log1(sum0); }
if (lane == 0u && first + group + 16u < 2048u) { logSumExp[sequence * 2048u + first + group + 16u] = largest1 + log1(sum1); }
if (lane == 0u && first + group + 32u < 2048u) { logSumExp[sequence * 2048u + first + group + 32u] = largest2 + log1(sum2); }
if (lane == 0u && first + group + 48u < 2048u) { logSumExp[sequence * 2048u + first + group + 48u] = largest3 + log1(sum3); }
}
