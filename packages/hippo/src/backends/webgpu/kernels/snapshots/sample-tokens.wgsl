// sampleTokens: 2 × 1 × 1 workgroups; temperature 0.8, top-k 40, top-p 0.9, min-p 0.05
// reads scores: array<u32>
// reads random: array<u32>
// writes weights: array<f32>
// writes token: array<i32>
// writes logProbability: array<f32>
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
var<workgroup> sums: array<vec4<f32>, 1024>;
var<workgroup> tops: array<vec2<u32>, 1024>;
fn total(thread: u32, own: vec4<f32>) -> vec4<f32> {
  sums[thread] = own;
  workgroupBarrier();
  for (var half = 512u; half > 0u; half >>= 1u) {
    if (thread < half) { sums[thread] += sums[thread + half]; }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&sums[0]);
}
// The larger key; of equal ones the lower id.
fn highest(thread: u32, own: vec2<u32>) -> vec2<u32> {
  tops[thread] = own;
  workgroupBarrier();
  for (var half = 512u; half > 0u; half >>= 1u) {
    if (thread < half) { let a = tops[thread];
      let b = tops[thread + half];
      if (b.x > a.x || (b.x == a.x && b.y < a.y)) { tops[thread] = b; } }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&tops[0]);
}
// Integers in the order of the scores: −0 is 0, NaN lies above +∞.
fn keyOf(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  return select(bits | 0x80000000u, ~bits, bits > 0x80000000u);
}
fn countRim(thread: u32, row: u32, base: u32, goal: f32) -> vec2<u32> {
  var bound = 0u;
  for (var digit = 16u; digit > 0u; digit--) {
    let step = 1u << (2u * (digit - 1u));
    let tried = vec4<u32>(bound) + vec4<u32>(1u, 2u, 3u, 0u) * step;
    var own = vec4<f32>();
    for (var i = thread; i < 50257u; i += 1024u) {
      let key = keyOf(scores[base + i]);
      own += select(vec4<f32>(), vec4<f32>(1.0), vec4<u32>(key) >= tried);
    }
    let found = total(thread, own);
    bound = select(select(select(bound, tried.x, found[0] >= goal), tried.y, found[1] >= goal), tried.z, found[2] >= goal);
  }
  var ties = 0.0;
  var needed = 0.0;
  {
    var own = vec4<f32>();
    for (var i = thread; i < 50257u; i += 1024u) {
      let key = keyOf(scores[base + i]);
      own += select(vec4<f32>(), vec4<f32>(1.0, 1.0, 0.0, 0.0), vec4<bool>(key > bound, key == bound, false, false));
    }
    let found = total(thread, own);
    ties = found.y;
    needed = ceil((goal - found.x) / 1.0);
  }
  if (ties <= needed) { return vec2<u32>(bound, 50257u); }
  // The id of the tie that fills the cut: the largest below which there are too few.
  var last = 0u;
  for (var digit = 8u; digit > 0u; digit--) {
    let step = 1u << (2u * (digit - 1u));
    let tried = vec4<u32>(last) + vec4<u32>(1u, 2u, 3u, 0u) * step;
    var own = vec4<f32>();
    for (var i = thread; i < 50257u; i += 1024u) {
      let key = keyOf(scores[base + i]);
      own += select(vec4<f32>(), vec4<f32>(1.0), (vec4<u32>(i) < tried) & vec4<bool>(key == bound));
    }
    let found = total(thread, own);
    last = select(select(select(last, tried.x, found[0] < needed), tried.y, found[1] < needed), tried.z, found[2] < needed);
  }
  return vec2<u32>(bound, last);
}
fn massRim(thread: u32, row: u32, base: u32, goal: f32) -> vec2<u32> {
  var bound = 0u;
  for (var digit = 16u; digit > 0u; digit--) {
    let step = 1u << (2u * (digit - 1u));
    let tried = vec4<u32>(bound) + vec4<u32>(1u, 2u, 3u, 0u) * step;
    var own = vec4<f32>();
    for (var i = thread; i < 50257u; i += 1024u) {
      let key = bitcast<u32>(weights[row * 50257u + i]);
      own += select(vec4<f32>(), vec4<f32>(bitcast<f32>(key)), vec4<u32>(key) >= tried);
    }
    let found = total(thread, own);
    bound = select(select(select(bound, tried.x, found[0] >= goal), tried.y, found[1] >= goal), tried.z, found[2] >= goal);
  }
  var ties = 0.0;
  var needed = 0.0;
  {
    var own = vec4<f32>();
    for (var i = thread; i < 50257u; i += 1024u) {
      let key = bitcast<u32>(weights[row * 50257u + i]);
      own += select(vec4<f32>(), vec4<f32>(bitcast<f32>(key), 1.0, 0.0, 0.0), vec4<bool>(key > bound, key == bound, false, false));
    }
    let found = total(thread, own);
    ties = found.y;
    needed = ceil((goal - found.x) / bitcast<f32>(bound));
  }
  if (ties <= needed) { return vec2<u32>(bound, 50257u); }
  // The id of the tie that fills the cut: the largest below which there are too few.
  var last = 0u;
  for (var digit = 8u; digit > 0u; digit--) {
    let step = 1u << (2u * (digit - 1u));
    let tried = vec4<u32>(last) + vec4<u32>(1u, 2u, 3u, 0u) * step;
    var own = vec4<f32>();
    for (var i = thread; i < 50257u; i += 1024u) {
      let key = bitcast<u32>(weights[row * 50257u + i]);
      own += select(vec4<f32>(), vec4<f32>(1.0), (vec4<u32>(i) < tried) & vec4<bool>(key == bound));
    }
    let found = total(thread, own);
    last = select(select(select(last, tried.x, found[0] < needed), tried.y, found[1] < needed), tried.z, found[2] < needed);
  }
  return vec2<u32>(bound, last);
}
var<workgroup> parts: array<f32, 1056>;
fn addGroups(thread: u32, own: f32) {
  parts[thread] = own;
  workgroupBarrier();
  if (thread < 32u) {
    var sum = 0.0;
    for (var i = 0u; i < 32u; i++) { sum += parts[thread * 32u + i]; }
    parts[1024u + thread] = sum;
  }
  workgroupBarrier();
}
// What is left of the random number's share, in two parts: the second is below the first one's last digit.
var<private> rest: f32;
var<private> rim: f32;
fn choose(first: u32, count: u32) -> u32 {
  var chosen = 0u;
  var before = rest;
  for (var i = 0u; i < count; i++) {
    let sum = parts[first + i];
    if (sum > 0.0) {
      chosen = i;
      before = rest;
      if (rest + rim < sum) { break; }
      rest -= sum;
    }
  }
  rest = before;
  return chosen;
}
@compute @workgroup_size(1024)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
let row = (workgroup.y * grid.x + workgroup.x);
if (row >= 2u) { return; }
let base = row * 50264u;
var best = vec2<u32>(0u, 0xffffffffu);
for (var i = thread; i < 50257u; i += 1024u) {
  let key = keyOf(scores[base + i]);
  if (key > best.x) { best = vec2<u32>(key, i); }
}
let top = highest(thread, best);
// NaN, +∞, or nothing but −∞.
if (top.x >= 0xff800000u || top.x <= 0x007fffffu) {
  if (thread == 0u) {
    token[row] = -1;
    logProbability[row] = nonFinite(0x7fc00000u);
  }
  return;
}
let greatest = bitcast<f32>(scores[base + top.y]);
var own = vec4<f32>();
for (var i = thread; i < 50257u; i += 1024u) {
  own.x += expNegative1(bitcast<f32>(scores[base + i]) - greatest);
}
let logTotal = log1(total(thread, own).x);
let mostHigh = countRim(thread, row, base, f32(40.0));
own = vec4<f32>();
for (var i = thread; i < 50257u; i += 1024u) {
  let bits = scores[base + i];
  var weight = expNegative1((bitcast<f32>(bits) - greatest) / f32(0.800000011920929));
  if (!(keyOf(bits) > mostHigh.x || (keyOf(bits) == mostHigh.x && i <= mostHigh.y))) { weight = 0.0; }
  weights[row * 50257u + i] = weight;
  own.x += weight;
}
let mostLikely = massRim(thread, row, base, total(thread, own).x * f32(0.8999999761581421));
storageBarrier();
workgroupBarrier();
// Blocks of ids, one for each group of threads.
let group = thread / 32u;
var sum = 0.0;
for (var i = group * 1571u + thread % 32u; i < min((group + 1u) * 1571u, 50257u); i += 32u) {
  let weight = weights[row * 50257u + i];
  if (!((bitcast<u32>(weight) > mostLikely.x || (bitcast<u32>(weight) == mostLikely.x && i <= mostLikely.y)) && weight >= f32(0.05000000074505806))) {
    weights[row * 50257u + i] = 0.0;
    continue;
  }
  sum += weight;
}
addGroups(thread, sum);
storageBarrier();
var whole = 0.0;
for (var g = 0u; g < 32u; g++) { whole += parts[1024u + g]; }
let high = random[2u * row];
let low = random[2u * row + 1u];
rest = whole * (f32(high >> 8u) * f32(5.960464477539063e-8));
rim = whole * (f32(((high & 255u) << 16u) | (low >> 16u)) * f32(3.552713678800501e-15));
let chosenBlock = choose(1024u, 32u);
workgroupBarrier();
// The block's ids in runs, one for each thread.
let begin = chosenBlock * 1571u;
let end = min(begin + 1571u, 50257u);
let run = 2u;
sum = 0.0;
for (var i = begin + thread * run; i < min(begin + (thread + 1u) * run, end); i++) { sum += weights[row * 50257u + i]; }
addGroups(thread, sum);
let chosenGroup = choose(1024u, 32u);
let chosenRun = chosenGroup * 32u + choose(chosenGroup * 32u, 32u);
var chosen = top.y;
for (var i = begin + chosenRun * run; i < min(begin + (chosenRun + 1u) * run, end); i++) {
  let weight = weights[row * 50257u + i];
  if (weight > 0.0) { chosen = i; }
  if (rest + rim < weight) { break; }
  rest -= weight;
}
if (thread == 0u) {
  token[row] = i32(chosen);
  logProbability[row] = bitcast<f32>(scores[base + chosen]) - greatest - logTotal;
}
}
