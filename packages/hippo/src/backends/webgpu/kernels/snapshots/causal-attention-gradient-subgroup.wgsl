// causalAttentionGradient of queries, subgroup matrices: 384 × 1 × 1 workgroups; tiles of queries 64 × 16, of keys 64 × 32, in f16 by subgroup matrices 16×16×16
// reads slope: array<vec4<f32>>
// reads query: array<vec4<f32>>
// reads key: array<vec4<f32>>
// reads value: array<vec4<f32>>
// reads logSumExp: array<f32>
// writes slopeSum: array<f32>
// reads mixed: array<vec4<f32>>
// writes queryGradient: array<vec4<f32>>
alias Halves = vec4<f16>;
alias LeftMatrix = subgroup_matrix_left<f16, 16, 16>;
alias RightMatrix = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;
var<workgroup> columnTiles: array<Halves, 1150>;
var<workgroup> weights: array<Halves, 382>;
var<workgroup> scratch: array<vec4<f32>, 766>;
fn halves(x: vec4<f32>) -> Halves { return Halves(x); }
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_slope(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  return slope[(sequence * 2048u + first) * 16u + piece];
}
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_query(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  return query[(sequence * 2048u + first) * 16u + piece];
}
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_key(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  return key[(sequence * 2048u + first) * 16u + piece];
}
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_value(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  return value[(sequence * 2048u + first) * 16u + piece];
}
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
let number = (workgroup.y * grid.x + workgroup.x);
if (number >= 384u) { return; }
let sequence = number % 12u;
let first = 64u * (31u - number / 12u);
// The subgroup's first row in the tile and its place in a row, the lane's first row and its vector among the subgroup's.
let subgroupRow = subgroup * 16u;
let laneRow = subgroupRow + lane / 4u;
let laneVector = lane % 4u;
let subgroupPlace = subgroupRow * 6u;
let lanePlace = laneRow * 6u + laneVector;
let place0 = sequence * 2048u + min(first + laneRow, 2047u);
let logSum0 = f32(1.4426950216293335) * logSumExp[place0];
var own0 = 0.0;
for (var d = laneVector; d < 16u; d += 4u) { own0 += dot(slope[place0 * 16u + d], mixed[place0 * 16u + d]); }
own0 = own0 + subgroupShuffleXor(own0, 1u);
own0 = own0 + subgroupShuffleXor(own0, 2u);
if (laneVector == 0u && first + laneRow < 2048u) { slopeSum[place0] = own0; }
let place1 = sequence * 2048u + min(first + laneRow + 8u, 2047u);
let logSum1 = f32(1.4426950216293335) * logSumExp[place1];
var own1 = 0.0;
for (var d = laneVector; d < 16u; d += 4u) { own1 += dot(slope[place1 * 16u + d], mixed[place1 * 16u + d]); }
own1 = own1 + subgroupShuffleXor(own1, 1u);
own1 = own1 + subgroupShuffleXor(own1, 2u);
if (laneVector == 0u && first + laneRow + 8u < 2048u) { slopeSum[place1] = own1; }
for (var piece = thread; piece < 1024u; piece += 128u) {
  columnTiles[piece / 16u * 18u + piece % 16u] = halves(read_query(sequence, first, piece));
}
workgroupBarrier();
let held0_0_0 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u, 18u);
let held0_0_1 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 4u, 18u);
let held0_0_2 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 8u, 18u);
let held0_0_3 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 12u, 18u);
workgroupBarrier();
for (var piece = thread; piece < 1024u; piece += 128u) {
  columnTiles[piece / 16u * 18u + piece % 16u] = halves(read_slope(sequence, first, piece));
}
workgroupBarrier();
let held1_0_0 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u, 18u);
let held1_0_1 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 4u, 18u);
let held1_0_2 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 8u, 18u);
let held1_0_3 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 12u, 18u);
var dq0_0 = Sums();
var dq0_1 = Sums();
var dq0_2 = Sums();
var dq0_3 = Sums();
let end = min(first + 64u, 2048u);
var next0_0: vec4<f32>;
var next0_1: vec4<f32>;
var next1_0: vec4<f32>;
var next1_1: vec4<f32>;
next0_0 = read_key(sequence, 0u, thread);
next0_1 = read_key(sequence, 0u, thread + 128u);
next1_0 = read_value(sequence, 0u, thread);
next1_1 = read_value(sequence, 0u, thread + 128u);
for (var base = 0u; base < end; base += 16u) {
workgroupBarrier();
columnTiles[(thread) / 16u * 18u + (thread) % 16u] = halves(next0_0);
columnTiles[(thread + 128u) / 16u * 18u + (thread + 128u) % 16u] = halves(next0_1);
columnTiles[(thread) / 16u * 18u + (thread) % 16u + 288u] = halves(next1_0);
columnTiles[(thread + 128u) / 16u * 18u + (thread + 128u) % 16u + 288u] = halves(next1_1);
workgroupBarrier();
if (base + 16u < end) {
next0_0 = read_key(sequence, base + 16u, thread);
next0_1 = read_key(sequence, base + 16u, thread + 128u);
next1_0 = read_value(sequence, base + 16u, thread);
next1_1 = read_value(sequence, base + 16u, thread + 128u);
}
{
var score0_0 = Sums();
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 0u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held0_0_0, right, score0_0); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 4u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held0_0_1, right, score0_0); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 8u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held0_0_2, right, score0_0); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 12u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held0_0_3, right, score0_0); }
}
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, score0_0, 6u);
}
{
var score0_0 = Sums();
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 288u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held1_0_0, right, score0_0); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 292u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held1_0_1, right, score0_0); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 296u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held1_0_2, right, score0_0); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 300u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held1_0_3, right, score0_0); }
}
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 384u, score0_0, 6u);
}
workgroupBarrier();
let column = vec4<u32>(base + 4u * laneVector) + vec4<u32>(0u, 1u, 2u, 3u);
{
let visible = column <= vec4<u32>(first + laneRow);
let weight = exp2(scratch[lanePlace] * f32(0.1803368777036667) - logSum0);
let x = weight * (scratch[lanePlace + 384u] - own0);
weights[lanePlace] = halves(select(vec4<f32>(), x, visible));
}
{
let visible = column <= vec4<u32>(first + laneRow + 8u);
let weight = exp2(scratch[lanePlace + 48u] * f32(0.1803368777036667) - logSum1);
let x = weight * (scratch[lanePlace + 432u] - own1);
weights[lanePlace + 48u] = halves(select(vec4<f32>(), x, visible));
}
workgroupBarrier();
{
let left0 = subgroupMatrixLoad<LeftMatrix, row_major>(&weights, subgroupRow * 6u, 6u);
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 0u, 18u);
dq0_0 = subgroupMatrixMultiplyAccumulate(left0, right, dq0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 4u, 18u);
dq0_1 = subgroupMatrixMultiplyAccumulate(left0, right, dq0_1); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 8u, 18u);
dq0_2 = subgroupMatrixMultiplyAccumulate(left0, right, dq0_2); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 12u, 18u);
dq0_3 = subgroupMatrixMultiplyAccumulate(left0, right, dq0_3); }
}
}
workgroupBarrier();
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, dq0_0, 6u);
workgroupBarrier();
queryGradient[(sequence * 2048u + first + laneRow) * 16u + laneVector] = scratch[lanePlace] * f32(0.125);
queryGradient[(sequence * 2048u + first + laneRow + 8u) * 16u + laneVector] = scratch[lanePlace + 48u] * f32(0.125);
workgroupBarrier();
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, dq0_1, 6u);
workgroupBarrier();
queryGradient[(sequence * 2048u + first + laneRow) * 16u + laneVector + 4u] = scratch[lanePlace] * f32(0.125);
queryGradient[(sequence * 2048u + first + laneRow + 8u) * 16u + laneVector + 4u] = scratch[lanePlace + 48u] * f32(0.125);
workgroupBarrier();
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, dq0_2, 6u);
workgroupBarrier();
queryGradient[(sequence * 2048u + first + laneRow) * 16u + laneVector + 8u] = scratch[lanePlace] * f32(0.125);
queryGradient[(sequence * 2048u + first + laneRow + 8u) * 16u + laneVector + 8u] = scratch[lanePlace + 48u] * f32(0.125);
workgroupBarrier();
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, dq0_3, 6u);
workgroupBarrier();
queryGradient[(sequence * 2048u + first + laneRow) * 16u + laneVector + 12u] = scratch[lanePlace] * f32(0.125);
queryGradient[(sequence * 2048u + first + laneRow + 8u) * 16u + laneVector + 12u] = scratch[lanePlace + 48u] * f32(0.125);
}

// causalAttentionGradient of keys, subgroup matrices: 384 × 1 × 1 workgroups; tiles of queries 64 × 16, of keys 64 × 32, in f16 by subgroup matrices 16×16×16
// reads slope: array<vec4<f32>>
// reads query: array<vec4<f32>>
// reads key: array<vec4<f32>>
// reads value: array<vec4<f32>>
// reads logSumExp: array<f32>
// writes slopeSum: array<f32>
// writes keyGradient: array<vec4<f32>>
// writes valueGradient: array<vec4<f32>>
alias Halves = vec4<f16>;
alias LeftMatrix = subgroup_matrix_left<f16, 16, 16>;
alias RightMatrix = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;
var<workgroup> columnTiles: array<Halves, 1150>;
var<workgroup> weights: array<Halves, 1278>;
var<workgroup> scratch: array<vec4<f32>, 1278>;
fn halves(x: vec4<f32>) -> Halves { return Halves(x); }
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_slope(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  return slope[(sequence * 2048u + first) * 16u + piece];
}
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_query(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  return query[(sequence * 2048u + first) * 16u + piece];
}
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_key(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  return key[(sequence * 2048u + first) * 16u + piece];
}
// Vector `piece` of the rows from `first` on, zeros past the last row.
fn read_value(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
  return value[(sequence * 2048u + first) * 16u + piece];
}
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
let number = (workgroup.y * grid.x + workgroup.x);
if (number >= 384u) { return; }
let sequence = number % 12u;
let first = 64u * (number / 12u);
// The subgroup's first row in the tile and its place in a row, the lane's first row and its vector among the subgroup's.
let subgroupRow = subgroup * 16u;
let laneRow = subgroupRow + lane / 8u;
let laneVector = lane % 8u;
let subgroupPlace = subgroupRow * 10u;
let lanePlace = laneRow * 10u + laneVector;
for (var piece = thread; piece < 1024u; piece += 128u) {
  columnTiles[piece / 16u * 18u + piece % 16u] = halves(read_key(sequence, first, piece));
}
workgroupBarrier();
let held0_0_0 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u, 18u);
let held0_0_1 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 4u, 18u);
let held0_0_2 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 8u, 18u);
let held0_0_3 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 12u, 18u);
workgroupBarrier();
for (var piece = thread; piece < 1024u; piece += 128u) {
  columnTiles[piece / 16u * 18u + piece % 16u] = halves(read_value(sequence, first, piece));
}
workgroupBarrier();
let held1_0_0 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u, 18u);
let held1_0_1 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 4u, 18u);
let held1_0_2 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 8u, 18u);
let held1_0_3 = subgroupMatrixLoad<LeftMatrix, row_major>(&columnTiles, subgroupRow * 18u + 12u, 18u);
var dk0_0 = Sums();
var dk0_1 = Sums();
var dk0_2 = Sums();
var dk0_3 = Sums();
var dv0_0 = Sums();
var dv0_1 = Sums();
var dv0_2 = Sums();
var dv0_3 = Sums();
var next0_0: vec4<f32>;
var next0_1: vec4<f32>;
var next0_2: vec4<f32>;
var next0_3: vec4<f32>;
var next1_0: vec4<f32>;
var next1_1: vec4<f32>;
var next1_2: vec4<f32>;
var next1_3: vec4<f32>;
next0_0 = read_query(sequence, first, thread);
next0_1 = read_query(sequence, first, thread + 128u);
next0_2 = read_query(sequence, first, thread + 256u);
next0_3 = read_query(sequence, first, thread + 384u);
next1_0 = read_slope(sequence, first, thread);
next1_1 = read_slope(sequence, first, thread + 128u);
next1_2 = read_slope(sequence, first, thread + 256u);
next1_3 = read_slope(sequence, first, thread + 384u);
for (var base = first; base < 2048u; base += 32u) {
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
if (base + 32u < 2048u) {
next0_0 = read_query(sequence, base + 32u, thread);
next0_1 = read_query(sequence, base + 32u, thread + 128u);
next0_2 = read_query(sequence, base + 32u, thread + 256u);
next0_3 = read_query(sequence, base + 32u, thread + 384u);
next1_0 = read_slope(sequence, base + 32u, thread);
next1_1 = read_slope(sequence, base + 32u, thread + 128u);
next1_2 = read_slope(sequence, base + 32u, thread + 256u);
next1_3 = read_slope(sequence, base + 32u, thread + 384u);
}
let column = vec4<u32>(base + 4u * laneVector) + vec4<u32>(0u, 1u, 2u, 3u);
let place = vec4<u32>(sequence * 2048u) + column;
let logSum = f32(1.4426950216293335) * vec4<f32>(logSumExp[place.x], logSumExp[place.y], logSumExp[place.z], logSumExp[place.w]);
let own = vec4<f32>(slopeSum[place.x], slopeSum[place.y], slopeSum[place.z], slopeSum[place.w]);
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
{
var score0_0 = Sums();
var score0_1 = Sums();
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 576u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held1_0_0, right, score0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 864u, 18u);
score0_1 = subgroupMatrixMultiplyAccumulate(held1_0_0, right, score0_1); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 580u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held1_0_1, right, score0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 868u, 18u);
score0_1 = subgroupMatrixMultiplyAccumulate(held1_0_1, right, score0_1); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 584u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held1_0_2, right, score0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 872u, 18u);
score0_1 = subgroupMatrixMultiplyAccumulate(held1_0_2, right, score0_1); }
}
{
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 588u, 18u);
score0_0 = subgroupMatrixMultiplyAccumulate(held1_0_3, right, score0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, 876u, 18u);
score0_1 = subgroupMatrixMultiplyAccumulate(held1_0_3, right, score0_1); }
}
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 640u, score0_0, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 644u, score0_1, 10u);
}
workgroupBarrier();
{
let visible = (column >= vec4<u32>(first + laneRow));
let weight = exp2(scratch[lanePlace] * f32(0.1803368777036667) - logSum);
let x = weight * (scratch[lanePlace + 640u] - own);
weights[lanePlace] = halves(select(vec4<f32>(), weight, visible));
weights[lanePlace + 640u] = halves(select(vec4<f32>(), x, visible));
}
{
let visible = (column >= vec4<u32>(first + laneRow + 4u));
let weight = exp2(scratch[lanePlace + 40u] * f32(0.1803368777036667) - logSum);
let x = weight * (scratch[lanePlace + 680u] - own);
weights[lanePlace + 40u] = halves(select(vec4<f32>(), weight, visible));
weights[lanePlace + 680u] = halves(select(vec4<f32>(), x, visible));
}
{
let visible = (column >= vec4<u32>(first + laneRow + 8u));
let weight = exp2(scratch[lanePlace + 80u] * f32(0.1803368777036667) - logSum);
let x = weight * (scratch[lanePlace + 720u] - own);
weights[lanePlace + 80u] = halves(select(vec4<f32>(), weight, visible));
weights[lanePlace + 720u] = halves(select(vec4<f32>(), x, visible));
}
{
let visible = (column >= vec4<u32>(first + laneRow + 12u));
let weight = exp2(scratch[lanePlace + 120u] * f32(0.1803368777036667) - logSum);
let x = weight * (scratch[lanePlace + 760u] - own);
weights[lanePlace + 120u] = halves(select(vec4<f32>(), weight, visible));
weights[lanePlace + 760u] = halves(select(vec4<f32>(), x, visible));
}
workgroupBarrier();
{
let left0 = subgroupMatrixLoad<LeftMatrix, row_major>(&weights, subgroupRow * 10u, 10u);
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 576u, 18u);
dv0_0 = subgroupMatrixMultiplyAccumulate(left0, right, dv0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 580u, 18u);
dv0_1 = subgroupMatrixMultiplyAccumulate(left0, right, dv0_1); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 584u, 18u);
dv0_2 = subgroupMatrixMultiplyAccumulate(left0, right, dv0_2); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 588u, 18u);
dv0_3 = subgroupMatrixMultiplyAccumulate(left0, right, dv0_3); }
}
{
let left0 = subgroupMatrixLoad<LeftMatrix, row_major>(&weights, subgroupRow * 10u + 4u, 10u);
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 864u, 18u);
dv0_0 = subgroupMatrixMultiplyAccumulate(left0, right, dv0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 868u, 18u);
dv0_1 = subgroupMatrixMultiplyAccumulate(left0, right, dv0_1); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 872u, 18u);
dv0_2 = subgroupMatrixMultiplyAccumulate(left0, right, dv0_2); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 876u, 18u);
dv0_3 = subgroupMatrixMultiplyAccumulate(left0, right, dv0_3); }
}
{
let left0 = subgroupMatrixLoad<LeftMatrix, row_major>(&weights, subgroupRow * 10u + 640u, 10u);
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 0u, 18u);
dk0_0 = subgroupMatrixMultiplyAccumulate(left0, right, dk0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 4u, 18u);
dk0_1 = subgroupMatrixMultiplyAccumulate(left0, right, dk0_1); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 8u, 18u);
dk0_2 = subgroupMatrixMultiplyAccumulate(left0, right, dk0_2); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 12u, 18u);
dk0_3 = subgroupMatrixMultiplyAccumulate(left0, right, dk0_3); }
}
{
let left0 = subgroupMatrixLoad<LeftMatrix, row_major>(&weights, subgroupRow * 10u + 644u, 10u);
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 288u, 18u);
dk0_0 = subgroupMatrixMultiplyAccumulate(left0, right, dk0_0); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 292u, 18u);
dk0_1 = subgroupMatrixMultiplyAccumulate(left0, right, dk0_1); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 296u, 18u);
dk0_2 = subgroupMatrixMultiplyAccumulate(left0, right, dk0_2); }
{ let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, 300u, 18u);
dk0_3 = subgroupMatrixMultiplyAccumulate(left0, right, dk0_3); }
}
}
workgroupBarrier();
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, dk0_0, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 4u, dk0_1, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 640u, dv0_0, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 644u, dv0_1, 10u);
workgroupBarrier();
keyGradient[(sequence * 2048u + first + laneRow) * 16u + laneVector] = scratch[lanePlace] * f32(0.125);
valueGradient[(sequence * 2048u + first + laneRow) * 16u + laneVector] = scratch[lanePlace + 640u] * 1.0;
keyGradient[(sequence * 2048u + first + laneRow + 4u) * 16u + laneVector] = scratch[lanePlace + 40u] * f32(0.125);
valueGradient[(sequence * 2048u + first + laneRow + 4u) * 16u + laneVector] = scratch[lanePlace + 680u] * 1.0;
keyGradient[(sequence * 2048u + first + laneRow + 8u) * 16u + laneVector] = scratch[lanePlace + 80u] * f32(0.125);
valueGradient[(sequence * 2048u + first + laneRow + 8u) * 16u + laneVector] = scratch[lanePlace + 720u] * 1.0;
keyGradient[(sequence * 2048u + first + laneRow + 12u) * 16u + laneVector] = scratch[lanePlace + 120u] * f32(0.125);
valueGradient[(sequence * 2048u + first + laneRow + 12u) * 16u + laneVector] = scratch[lanePlace + 760u] * 1.0;
workgroupBarrier();
subgroupMatrixStore<row_major>(&scratch, subgroupPlace, dk0_2, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 4u, dk0_3, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 640u, dv0_2, 10u);
subgroupMatrixStore<row_major>(&scratch, subgroupPlace + 644u, dv0_3, 10u);
workgroupBarrier();
keyGradient[(sequence * 2048u + first + laneRow) * 16u + laneVector + 8u] = scratch[lanePlace] * f32(0.125);
valueGradient[(sequence * 2048u + first + laneRow) * 16u + laneVector + 8u] = scratch[lanePlace + 640u] * 1.0;
keyGradient[(sequence * 2048u + first + laneRow + 4u) * 16u + laneVector + 8u] = scratch[lanePlace + 40u] * f32(0.125);
valueGradient[(sequence * 2048u + first + laneRow + 4u) * 16u + laneVector + 8u] = scratch[lanePlace + 680u] * 1.0;
keyGradient[(sequence * 2048u + first + laneRow + 8u) * 16u + laneVector + 8u] = scratch[lanePlace + 80u] * f32(0.125);
valueGradient[(sequence * 2048u + first + laneRow + 8u) * 16u + laneVector + 8u] = scratch[lanePlace + 720u] * 1.0;
keyGradient[(sequence * 2048u + first + laneRow + 12u) * 16u + laneVector + 8u] = scratch[lanePlace + 120u] * f32(0.125);
valueGradient[(sequence * 2048u + first + laneRow + 12u) * 16u + laneVector + 8u] = scratch[lanePlace + 760u] * 1.0;
}
