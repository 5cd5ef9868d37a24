// causalAttention, subgroup matrices: 384 × 1 × 1 workgroups; tiles of queries and keys 64 × 32, in f16 by subgroup matrices 16×16×16
// reads query: array<vec4<f32>>
// reads key: array<vec4<f32>>
// reads value: array<vec4<f32>>
// writes mixed: array<vec4<f32>>
// writes logSumExp: array<f32>
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
alias Halves = vec4<f16>;
alias LeftMatrix = subgroup_matrix_left<f16, 16, 16>;
alias RightMatrix = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;
var<workgroup> columnTiles: array<Halves, 1150>;
var<workgroup> weights: array<Halves, 638>;
var<workgroup> scratch: array<vec4<f32>, 638>;
fn halves(x: vec4<f32>) -> Halves { return Halves(x); }
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_query(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  if (piece >= (2047u - first) * 16u) { return vec4<f32>(); }
  return query[(sequence * 2047u + first) * 16u + piece];
}
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_key(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  if (piece >= (2047u - first) * 16u) { return vec4<f32>(); }
  return key[(sequence * 2047u + first) * 16u + piece];
}
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_value(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  if (piece >= (2047u - first) * 16u) { return vec4<f32>(); }
  return value[(sequence * 2047u + first) * 16u + piece];
}
var<workgroup> raised: atomic<u32>;
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
let number = (workgroup.y * grid.x + workgroup.x);
if (number >= 384u) { return; }
let sequence = number % 12u;
let first = 64u * (31u - number / 12u);
// The subgroup's first row in the tile and its place in a row, the lane's first row and its vector among the subgroup's.
let subgroupRow = subgroup * 16u;
let laneRow = subgroupRow + lane / 8u;
let laneVector = lane % 8u;
let subgroupPlace = subgroupRow * 10u;
let lanePlace = laneRow * 10u + laneVector;
for (var piece = thread; piece < 1024u; piece += 128u) {
  columnTiles[piece / 16u * 18u + piece % 16u] = halves(read_query(sequence, first, piece));
}
workgroupBarrier();
let held0_0_0 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u, 18u);
let held0_0_1 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 4u, 18u);
let held0_0_2 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 8u, 18u);
let held0_0_3 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 12u, 18u);
var y0_0 = Sums();
var y0_1 = Sums();
var y0_2 = Sums();
var y0_3 = Sums();
var reference0 = f32(-3.0000000054977558e+38);
var total0 = 0.0;
var reference1 = f32(-3.0000000054977558e+38);
var total1 = 0.0;
var reference2 = f32(-3.0000000054977558e+38);
var total2 = 0.0;
var reference3 = f32(-3.0000000054977558e+38);
var total3 = 0.0;
let end = min(first + 64u, 2047u);
var next0_0: vec4<f32>;
var next0_1: vec4<f32>;
var next0_2: vec4<f32>;
var next0_3: vec4<f32>;
var next1_0: vec4<f32>;
var next1_1: vec4<f32>;
var next1_2: vec4<f32>;
var next1_3: vec4<f32>;
next0_0 = read_key(sequence, 0u, thread);
next0_1 = read_key(sequence, 0u, thread + 128u);
next0_2 = read_key(sequence, 0u, thread + 256u);
next0_3 = read_key(sequence, 0u, thread + 384u);
next1_0 = read_value(sequence, 0u, thread);
next1_1 = read_value(sequence, 0u, thread + 128u);
next1_2 = read_value(sequence, 0u, thread + 256u);
next1_3 = read_value(sequence, 0u, thread + 384u);
for (var base = 0u; base < end; base += 32u) {
workgroupBarrier();
columnTiles[(thread) / 16u * 18u + (thread) % 16u] = halves(next0_0);
columnTiles[(thread + 128u) / 16u * 18u + (thread + 128u) % 16u] = halves(next0_1);
columnTiles[(thread + 256u) / 16u * 18u + (thread + 256u) % 16u] = halves(next0_2);
columnTiles[(thread + 384u) / 16u * 18u + (thread + 384u) % 16u] = halves(next0_3);
columnTiles[(thread) / 16u * 18u + (thread) % 16u + 576u] = halves(next1_0);
columnTiles[(thread + 128u) / 16u * 18u + (thread + 128u) % 16u + 576u] = halves(next1_1);
columnTiles[(thread + 256u) / 16u * 18u + (thread + 256u) % 16u + 576u] = halves(next1_2);
columnTiles[(thread + 384u) / 16u * 18u + (thread + 384u) % 16u + 576u] = halves(next1_3);
workgroupBarrier();
if (base + 32u < end) {
next0_0 = read_key(sequence, base + 32u, thread);
next0_1 = read_key(sequence, base + 32u, thread + 128u);
next0_2 = read_key(sequence, base + 32u, thread + 256u);
next0_3 = read_key(sequence, base + 32u, thread + 384u);
next1_0 = read_value(sequence, base + 32u, thread);
next1_1 = read_value(sequence, base + 32u, thread + 128u);
next1_2 = read_value(sequence, base + 32u, thread + 256u);
next1_3 = read_value(sequence, base + 32u, thread + 384u);
}
{
var score0_0 = Sums();
var score0_1 = Sums();
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 0u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held0_0_0, right, score0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 288u, 18u);
score0_1 = subgroupMatrixMultiplyAccumulate(held0_0_0, right, score0_1); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 4u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held0_0_1, right, score0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 292u, 18u);
score0_1 = subgroupMatrixMultiplyAccumulate(held0_0_1, right, score0_1); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 8u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held0_0_2, right, score0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 296u, 18u);
score0_1 = subgroupMatrixMultiplyAccumulate(held0_0_2, right, score0_1); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 12u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held0_0_3, right, score0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 300u, 18u);
score0_1 = subgroupMatrixMultiplyAccumulate(held0_0_3, right, score0_1); }
}
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, score0_0, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 4u, score0_1, 10u);
}
workgroupBarrier();
let column = vec4<u32>(base + 4u * laneVector) + vec4<u32>(0u, 1u, 2u, 3u);
let s0 = select(vec4<f32>(f32(-3.0000000054977558e+38)), scratch[lanePlace] * f32(0.1803368777036667), column <= vec4<u32>(first + laneRow));
let s1 = select(vec4<f32>(f32(-3.0000000054977558e+38)), scratch[lanePlace + 40u] * f32(0.1803368777036667), column <= vec4<u32>(first + laneRow + 4u));
let s2 = select(vec4<f32>(f32(-3.0000000054977558e+38)), scratch[lanePlace + 80u] * f32(0.1803368777036667), column <= vec4<u32>(first + laneRow + 8u));
let s3 = select(vec4<f32>(f32(-3.0000000054977558e+38)), scratch[lanePlace + 120u] * f32(0.1803368777036667), column <= vec4<u32>(first + laneRow + 12u));
if (any(s0 > vec4<f32>(reference0 + f32(8.0))) || any(s1 > vec4<f32>(reference1 + f32(8.0))) || any(s2 > vec4<f32>(reference2 + f32(8.0))) || any(s3 > vec4<f32>(reference3 + f32(8.0)))) { atomicStore(&raised, 1u); }
if (workgroupUniformLoad(&raised) != 0u) {
if (thread == 0u) { atomicStore(&raised, 0u); }
var next0 = max(max(s0.x, s0.y), max(s0.z, s0.w));
next0 = max(next0, subgroupShuffleXor(next0, 1u));
next0 = max(next0, subgroupShuffleXor(next0, 2u));
next0 = max(next0, subgroupShuffleXor(next0, 4u));
next0 = max(next0, reference0);
let factor0 = exp2(reference0 - next0);
reference0 = next0;
total0 *= factor0;
var next1 = max(max(s1.x, s1.y), max(s1.z, s1.w));
next1 = max(next1, subgroupShuffleXor(next1, 1u));
next1 = max(next1, subgroupShuffleXor(next1, 2u));
next1 = max(next1, subgroupShuffleXor(next1, 4u));
next1 = max(next1, reference1);
let factor1 = exp2(reference1 - next1);
reference1 = next1;
total1 *= factor1;
var next2 = max(max(s2.x, s2.y), max(s2.z, s2.w));
next2 = max(next2, subgroupShuffleXor(next2, 1u));
next2 = max(next2, subgroupShuffleXor(next2, 2u));
next2 = max(next2, subgroupShuffleXor(next2, 4u));
next2 = max(next2, reference2);
let factor2 = exp2(reference2 - next2);
reference2 = next2;
total2 *= factor2;
var next3 = max(max(s3.x, s3.y), max(s3.z, s3.w));
next3 = max(next3, subgroupShuffleXor(next3, 1u));
next3 = max(next3, subgroupShuffleXor(next3, 2u));
next3 = max(next3, subgroupShuffleXor(next3, 4u));
next3 = max(next3, reference3);
let factor3 = exp2(reference3 - next3);
reference3 = next3;
total3 *= factor3;
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, y0_0, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 4u, y0_1, 10u);
workgroupBarrier();
scratch[lanePlace] *= factor0;
scratch[lanePlace + 40u] *= factor1;
scratch[lanePlace + 80u] *= factor2;
scratch[lanePlace + 120u] *= factor3;
workgroupBarrier();
y0_0 = subgroupMatrixLoad<Sums, row_major>(&scratch, subgroupPlace, 10u);
y0_1 = subgroupMatrixLoad<Sums, row_major>(&scratch, subgroupPlace + 4u, 10u);
workgroupBarrier();
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, y0_2, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 4u, y0_3, 10u);
workgroupBarrier();
scratch[lanePlace] *= factor0;
scratch[lanePlace + 40u] *= factor1;
scratch[lanePlace + 80u] *= factor2;
scratch[lanePlace + 120u] *= factor3;
workgroupBarrier();
y0_2 = subgroupMatrixLoad<Sums, row_major>(&scratch, subgroupPlace, 10u);
y0_3 = subgroupMatrixLoad<Sums, row_major>(&scratch, subgroupPlace + 4u, 10u);
workgroupBarrier();
}
let weight0 = exp2(s0 - reference0);
total0 += dot(weight0, vec4<f32>(1.0));
weights[lanePlace] = halves(weight0);
let weight1 = exp2(s1 - reference1);
total1 += dot(weight1, vec4<f32>(1.0));
weights[lanePlace + 40u] = halves(weight1);
let weight2 = exp2(s2 - reference2);
total2 += dot(weight2, vec4<f32>(1.0));
weights[lanePlace + 80u] = halves(weight2);
let weight3 = exp2(s3 - reference3);
total3 += dot(weight3, vec4<f32>(1.0));
weights[lanePlace + 120u] = halves(weight3);
workgroupBarrier();
{
let left0 = subgroupMatrixLoad<LeftMatrix, row_major>(&weights, subgroupRow * 10u, 10u);
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 576u, 18u);
y0_0 = subgroupMatrixMultiplyAccumulate(left0, right, y0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 580u, 18u);
y0_1 = subgroupMatrixMultiplyAccumulate(left0, right, y0_1); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 584u, 18u);
y0_2 = subgroupMatrixMultiplyAccumulate(left0, right, y0_2); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 588u, 18u);
y0_3 = subgroupMatrixMultiplyAccumulate(left0, right, y0_3); }
}
{
let left0 = subgroupMatrixLoad<LeftMatrix, row_major>(&weights, subgroupRow * 10u + 4u, 10u);
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 864u, 18u);
y0_0 = subgroupMatrixMultiplyAccumulate(left0, right, y0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 868u, 18u);
y0_1 = subgroupMatrixMultiplyAccumulate(left0, right, y0_1); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 872u, 18u);
y0_2 = subgroupMatrixMultiplyAccumulate(left0, right, y0_2); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 876u, 18u);
y0_3 = subgroupMatrixMultiplyAccumulate(left0, right, y0_3); }
}
}
total0 = total0 + subgroupShuffleXor(total0, 1u);
total0 = total0 + subgroupShuffleXor(total0, 2u);
total0 = total0 + subgroupShuffleXor(total0, 4u);
if (laneVector == 0u && first + laneRow < 2047u) { logSumExp[sequence * 2047u + first + laneRow] = reference0 * f32(0.6931471824645996) + log1(total0); }
total1 = total1 + subgroupShuffleXor(total1, 1u);
total1 = total1 + subgroupShuffleXor(total1, 2u);
total1 = total1 + subgroupShuffleXor(total1, 4u);
if (laneVector == 0u && first + laneRow + 4u < 2047u) { logSumExp[sequence * 2047u + first + laneRow + 4u] = reference1 * f32(0.6931471824645996) + log1(total1); }
total2 = total2 + subgroupShuffleXor(total2, 1u);
total2 = total2 + subgroupShuffleXor(total2, 2u);
total2 = total2 + subgroupShuffleXor(total2, 4u);
if (laneVector == 0u && first + laneRow + 8u < 2047u) { logSumExp[sequence * 2047u + first + laneRow + 8u] = reference2 * f32(0.6931471824645996) + log1(total2); }
total3 = total3 + subgroupShuffleXor(total3, 1u);
total3 = total3 + subgroupShuffleXor(total3, 2u);
total3 = total3 + subgroupShuffleXor(total3, 4u);
if (laneVector == 0u && first + laneRow + 12u < 2047u) { logSumExp[sequence * 2047u + first + laneRow + 12u] = reference3 * f32(0.6931471824645996) + log1(total3); }
workgroupBarrier();
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, y0_0, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 4u, y0_1, 10u);
workgroupBarrier();
if (first + laneRow < 2047u) {
mixed[(sequence * 2047u + first + laneRow) * 16u + laneVector] = scratch[lanePlace] * (1.0 / total0);
}
if (first + laneRow + 4u < 2047u) {
mixed[(sequence * 2047u + first + laneRow + 4u) * 16u + laneVector] = scratch[lanePlace + 40u] * (1.0 / total1);
}
if (first + laneRow + 8u < 2047u) {
mixed[(sequence * 2047u + first + laneRow + 8u) * 16u + laneVector] = scratch[lanePlace + 80u] * (1.0 / total2);
}
if (first + laneRow + 12u < 2047u) {
mixed[(sequence * 2047u + first + laneRow + 12u) * 16u + laneVector] = scratch[lanePlace + 120u] * (1.0 / total3);
}
workgroupBarrier();
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, y0_2, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 4u, y0_3, 10u);
workgroupBarrier();
if (first + laneRow < 2047u) {
mixed[(sequence * 2047u + first + laneRow) * 16u + laneVector + 8u] = scratch[lanePlace] * (1.0 / total0);
}
if (first + laneRow + 4u < 2047u) {
mixed[(sequence * 2047u + first + laneRow + 4u) * 16u + laneVector + 8u] = scratch[lanePlace + 40u] * (1.0 / total1);
}
if (first + laneRow + 8u < 2047u) {
mixed[(sequence * 2047u + first + laneRow + 8u) * 16u + laneVector + 8u] = scratch[lanePlace + 80u] * (1.0 / total2);
}
if (first + laneRow + 12u < 2047u) {
mixed[(sequence * 2047u + first + laneRow + 12u) * 16u + laneVector + 8u] = scratch[lanePlace + 120u] * (1.0 / total3);
}
}
