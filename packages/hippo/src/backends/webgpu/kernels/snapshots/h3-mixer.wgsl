// diagonal model: powers and taps: 512 × 1 × 1 workgroups
// reads logRe: array<f32> = input 5 0 … 65536
// reads logIm: array<f32> = input 6 0 … 65536
// reads cRe: array<f32> = input 7 0 … 65536
// reads cIm: array<f32> = input 8 0 … 65536
// reads skip: array<f32> = input 9 0 … 2048
// reads taps: array<f32> = input 3 0 … 131072
// reads shiftSkip: array<f32> = input 4 0 … 2048
// writes table: array<f32> = workspace 0 … 2883584
var<private> noBits: u32 = 0u;
fn nonFinite(bits: u32) -> f32 { return bitcast<f32>(bits | noBits); }
const inverseTurn = array<u32, 7>(683565275u, 2475754826u, 2131351028u, 2102212464u, 920167782u, 1326507024u, 2140428522u);
fn inverseTurnWord(index: i32) -> u32 {
  if (index < 0 || index >= 7) { return 0u; }
  return inverseTurn[index];
}
// 32 bits after the point of 2^position / 2π.
fn inverseTurnBits(position: i32) -> u32 {
  let shift = u32(position & 31);
  let high = inverseTurnWord(position >> 5u) << shift;
  return select(high | (inverseTurnWord((position >> 5u) + 1) >> ((32u - shift) & 31u)), high, shift == 0u);
}
fn multiplyHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let first = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let second = (a & 0xffffu) * (b >> 16u) + (first & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (first >> 16u) + (second >> 16u);
}
fn turnsOf(angle: f32) -> vec2<u32> {
  let bits = bitcast<u32>(angle);
  let exponent = i32((bits >> 23u) & 255u);
  if (exponent == 0) { return vec2<u32>(0u); }
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  let middle = mantissa * inverseTurnBits(exponent - 118);
  let low = middle + multiplyHigh(mantissa, inverseTurnBits(exponent - 86));
  let high = mantissa * inverseTurnBits(exponent - 150) + multiplyHigh(mantissa, inverseTurnBits(exponent - 118))
    + select(0u, 1u, low < middle);
  if (bits < 0x80000000u) { return vec2<u32>(high, low); }
  return vec2<u32>(~high + select(0u, 1u, low == 0u), ~low + 1u);
}
fn cosSinOfTurns(turns: u32) -> vec2<f32> {
  let quarter = (turns + 0x20000000u) >> 30u;
  let r = f32(bitcast<i32>(turns - (quarter << 30u))) * f32(1.462918119976564e-9);
  let z = r * r;
  let sine = r + r * z * (((f32(0.0000027557318844628753) * z + f32(-0.00019841270113829523)) * z + f32(0.008333333767950535)) * z + f32(-0.1666666716337204));
  let cosine = 1.0 - z * (((f32(-0.000024801587642286904) * z + f32(0.0013888889225199819)) * z + f32(-0.0416666679084301)) * z + f32(0.5));
  let turned = select(vec2<f32>(cosine, sine), vec2<f32>(-sine, cosine), (quarter & 1u) == 1u);
  return select(turned, -turned, (quarter & 2u) == 2u);
}
fn accurateExp(x: f32) -> f32 {
  if ((bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u) { return x; }
  let bounded = clamp(x, -170.0, 170.0);
  let n = round(bounded * f32(1.4426950216293335));
  // The first part of log 2 has so few bits that its product with n is exact.
  let r = (bounded - n * 0.693359375) - n * f32(-0.00021219444170128554);
  let half = i32(n) >> 1u;
  let scale = bitcast<f32>((half + 127) << 23u);
  return (1.0 + r * (((((((f32(0.000024801587642286904) * r + f32(0.00019841270113829523)) * r + f32(0.0013888889225199819)) * r + f32(0.008333333767950535)) * r + f32(0.0416666679084301)) * r + f32(0.1666666716337204)) * r + f32(0.5)) * r + f32(1.0))) * scale * bitcast<f32>((i32(n) - half + 127) << 23u);
}
fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
fn polePower(logRe: f32, logIm: f32, m: u32) -> vec2<f32> {
  if (m == 0u) { return vec2<f32>(1.0, 0.0); }
  if ((bitcast<u32>(logIm) & 0x7f800000u) == 0x7f800000u) { return vec2<f32>(nonFinite(0x7fc00000u)); }
  let turns = turnsOf(logIm);
  return accurateExp(f32(m) * logRe) * cosSinOfTurns(m * turns.x + multiplyHigh(m, turns.y));
}
var<workgroup> powers: array<vec2<f32>, 512>;
var<workgroup> jumps: array<vec2<f32>, 32>;
var<workgroup> sums: array<f32, 128>;
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let channel = (workgroup.y * grid.x + workgroup.x);
  if (channel >= 512u) { return; }
  let start = channel * 1408u;
  let first = channel * 32u;
  for (var i = thread; i < 512u; i += 128u) {
    let n = i / 16u;
    let power = polePower(logRe[first + n], logIm[first + n], i % 16u);
    powers[i] = power;
    table[start + i + n * 16u] = power.x;
    table[start + i + (n + 1u) * 16u] = power.y;
  }
  for (var i = thread; i < 128u; i += 128u) {
    let n = first + i / 4u;
    let exponents = vec4<u32>(1u, 32u, 16u, 0u);
    var power = polePower(logRe[n], logIm[n], exponents[i % 4u]);
    if (i % 4u == 2u) { jumps[i / 4u] = power; }
    if (i % 4u == 0u || i % 4u == 3u) { power = 2.0 * times(power, vec2<f32>(cRe[n], cIm[n])); }
    table[start + 1024u + 2u * i] = power.x;
    table[start + 1024u + 2u * i + 1u] = power.y;
  }
  workgroupBarrier();
  // A thread has some states of a tap; the later taps' powers are products of two, so that no thread makes them anew.
  {
    let l = thread % 32u;
    var sum = 0.0;
    for (var n = thread / 32u; n < 32u; n += 4u) {
      var power = powers[n * 16u + l % 16u];
      for (var j = l / 16u; j > 0u; j--) { power = times(power, jumps[n]); }
      sum += cRe[first + n] * power.x - cIm[first + n] * power.y;
    }
    sums[thread] = sum;
  }
  workgroupBarrier();
  for (var l = thread; l < 32u; l += 128u) {
    var sum = 0.0;
    for (var i = l; i < 128u; i += 32u) { sum += sums[i]; }
    sum *= 2.0;
    if (l == 0u) { sum += skip[channel]; }
    table[start + 1280u + l] = sum;
  }
  for (var j = thread; j < 68u; j += 128u) {
    var tap = 0.0;
    if (j < 64u) { tap = taps[channel * 64u + j]; }
    if (j == 0u) { tap += shiftSkip[channel]; }
    table[start + 1312u + j] = tap;
  }
}

// H3 mixer in chunks: 3072 × 1 × 1 workgroups
// reads q: array<vec4<f32>> = input 0 0 … 134217728
// reads k: array<vec4<f32>> = input 1 0 … 134217728
// reads v: array<vec4<f32>> = input 2 0 … 134217728
// reads table: array<vec4<f32>> = workspace 0 … 2883584
// writes y: array<vec4<f32>> = output 0 0 … 134217728
fn spread(i: u32) -> u32 { return i + (i >> 3u); }
fn load_q(row: u32, t: i32) -> vec4<f32> {
  if (t < 0) { return vec4<f32>(0.0); }
  if (t >= 4096) { return vec4<f32>(0.0); }
  return q[(row * 4096u + u32(t)) / 4u];
}
fn load_k(row: u32, t: i32) -> vec4<f32> {
  if (t < 0) { return vec4<f32>(0.0); }
  if (t >= 4096) { return vec4<f32>(0.0); }
  return k[(row * 4096u + u32(t)) / 4u];
}
fn load_v(row: u32, t: i32) -> vec4<f32> {
  if (t < 0) { return vec4<f32>(0.0); }
  if (t >= 4096) { return vec4<f32>(0.0); }
  return v[(row * 4096u + u32(t)) / 4u];
}
fn store_y(row: u32, t: u32, value: vec4<f32>) {
  if (t >= 4096u) { return; }
  y[(row * 4096u + t) / 4u] = value;
}
var<workgroup> line: array<vec4<f32>, 595>;
var<workgroup> kernel: array<vec4<f32>, 8>;
var<workgroup> shift: array<vec4<f32>, 17>;
var<workgroup> powers: array<vec4<f32>, 64>;
var<workgroup> coefficients: array<vec4<f32>, 16>;
var<workgroup> sums: array<vec2<f32>, 585>;
var<workgroup> carry: array<vec2<f32>, 32>;
fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let number = (workgroup.y * grid.x + workgroup.x);
  if (number >= 3072u) { return; }
  let channel = number / 6u;
  let entries = channel * 352u;
  let ownRow = thread / 64u;
  let ownChunk = thread % 64u;
  // Where this thread's chunk starts in the buffer; threads without a chunk of their own repeat one and keep nothing.
  let own = min(ownRow, 0u) * 528u + 16u + ownChunk * 8u;
  for (var i = thread; i < 8u; i += 64u) { kernel[i] = table[entries + 320u + i]; }
  for (var i = thread; i < 17u; i += 64u) { shift[i] = table[entries + 328u + i]; }
  for (var group = number % 6u; group < 16u; group += 6u) {
    let firstRow = channel * 16u + group * 1u;
    let rowCount = min(1u, 16u - group * 1u);
    let holds = ownRow < rowCount;
    workgroupBarrier();
    for (var n = thread; n < 32u; n += 64u) { carry[n] = vec2<f32>(0.0); }
    for (var tile = 0u; tile < 2u; tile++) {
    for (var i = thread; i < 528u; i += 256u) {
      let r0 = (i + 0u) / 528u;
      let t0 = i32(((i + 0u) % 528u) * 4u + tile * 2048u) - 64;
      let at0 = spread(r0 * 528u + (i + 0u) % 528u + 0u);
      var value0 = vec4<f32>(0.0);
      if (r0 < rowCount) { value0 = load_k(firstRow + r0, t0); }
      let r1 = (i + 64u) / 528u;
      let t1 = i32(((i + 64u) % 528u) * 4u + tile * 2048u) - 64;
      let at1 = spread(r1 * 528u + (i + 64u) % 528u + 0u);
      var value1 = vec4<f32>(0.0);
      if (r1 < rowCount) { value1 = load_k(firstRow + r1, t1); }
      let r2 = (i + 128u) / 528u;
      let t2 = i32(((i + 128u) % 528u) * 4u + tile * 2048u) - 64;
      let at2 = spread(r2 * 528u + (i + 128u) % 528u + 0u);
      var value2 = vec4<f32>(0.0);
      if (r2 < rowCount) { value2 = load_k(firstRow + r2, t2); }
      let r3 = (i + 192u) / 528u;
      let t3 = i32(((i + 192u) % 528u) * 4u + tile * 2048u) - 64;
      let at3 = spread(r3 * 528u + (i + 192u) % 528u + 0u);
      var value3 = vec4<f32>(0.0);
      if (r3 < rowCount) { value3 = load_k(firstRow + r3, t3); }
      { line[at0] = value0; }
      if (i + 64u < 528u) { line[at1] = value1; }
      if (i + 128u < 528u) { line[at2] = value2; }
      if (i + 192u < 528u) { line[at3] = value3; }
    }
    workgroupBarrier();
    var u0 = vec4<f32>(0.0); var w0 = line[spread(own + 0u)];
      var u1 = vec4<f32>(0.0); var w1 = line[spread(own + 1u)];
      var u2 = vec4<f32>(0.0); var w2 = line[spread(own + 2u)];
      var u3 = vec4<f32>(0.0); var w3 = line[spread(own + 3u)];
      var u4 = vec4<f32>(0.0); var w4 = line[spread(own + 4u)];
      var u5 = vec4<f32>(0.0); var w5 = line[spread(own + 5u)];
      var u6 = vec4<f32>(0.0); var w6 = line[spread(own + 6u)];
      var u7 = vec4<f32>(0.0); var w7 = line[spread(own + 7u)];
    {
      var high = shift[0];
      u0 += w0.x * high;
      u0 = vec4<f32>(u0.x, u0.yzw + w0.y * high.xyz);
      u0 = vec4<f32>(u0.xy, u0.zw + w0.z * high.xy);
      u0.w += w0.w * high.x;
      u1 += w1.x * high;
      u1 = vec4<f32>(u1.x, u1.yzw + w1.y * high.xyz);
      u1 = vec4<f32>(u1.xy, u1.zw + w1.z * high.xy);
      u1.w += w1.w * high.x;
      u2 += w2.x * high;
      u2 = vec4<f32>(u2.x, u2.yzw + w2.y * high.xyz);
      u2 = vec4<f32>(u2.xy, u2.zw + w2.z * high.xy);
      u2.w += w2.w * high.x;
      u3 += w3.x * high;
      u3 = vec4<f32>(u3.x, u3.yzw + w3.y * high.xyz);
      u3 = vec4<f32>(u3.xy, u3.zw + w3.z * high.xy);
      u3.w += w3.w * high.x;
      u4 += w4.x * high;
      u4 = vec4<f32>(u4.x, u4.yzw + w4.y * high.xyz);
      u4 = vec4<f32>(u4.xy, u4.zw + w4.z * high.xy);
      u4.w += w4.w * high.x;
      u5 += w5.x * high;
      u5 = vec4<f32>(u5.x, u5.yzw + w5.y * high.xyz);
      u5 = vec4<f32>(u5.xy, u5.zw + w5.z * high.xy);
      u5.w += w5.w * high.x;
      u6 += w6.x * high;
      u6 = vec4<f32>(u6.x, u6.yzw + w6.y * high.xyz);
      u6 = vec4<f32>(u6.xy, u6.zw + w6.z * high.xy);
      u6.w += w6.w * high.x;
      u7 += w7.x * high;
      u7 = vec4<f32>(u7.x, u7.yzw + w7.y * high.xyz);
      u7 = vec4<f32>(u7.xy, u7.zw + w7.z * high.xy);
      u7.w += w7.w * high.x;
      for (var d = 1u; d < 17u; d++) {
      let low = high;
      high = shift[d];
      w7 = w6; w6 = w5; w5 = w4; w4 = w3; w3 = w2; w2 = w1; w1 = w0;
      w0 = line[spread(own - d)];
      u0 += w0.x * high;
      u0 += w0.y * vec4<f32>(low.w, high.xyz);
      u0 += w0.z * vec4<f32>(low.zw, high.xy);
      u0 += w0.w * vec4<f32>(low.yzw, high.x);
      u1 += w1.x * high;
      u1 += w1.y * vec4<f32>(low.w, high.xyz);
      u1 += w1.z * vec4<f32>(low.zw, high.xy);
      u1 += w1.w * vec4<f32>(low.yzw, high.x);
      u2 += w2.x * high;
      u2 += w2.y * vec4<f32>(low.w, high.xyz);
      u2 += w2.z * vec4<f32>(low.zw, high.xy);
      u2 += w2.w * vec4<f32>(low.yzw, high.x);
      u3 += w3.x * high;
      u3 += w3.y * vec4<f32>(low.w, high.xyz);
      u3 += w3.z * vec4<f32>(low.zw, high.xy);
      u3 += w3.w * vec4<f32>(low.yzw, high.x);
      u4 += w4.x * high;
      u4 += w4.y * vec4<f32>(low.w, high.xyz);
      u4 += w4.z * vec4<f32>(low.zw, high.xy);
      u4 += w4.w * vec4<f32>(low.yzw, high.x);
      u5 += w5.x * high;
      u5 += w5.y * vec4<f32>(low.w, high.xyz);
      u5 += w5.z * vec4<f32>(low.zw, high.xy);
      u5 += w5.w * vec4<f32>(low.yzw, high.x);
      u6 += w6.x * high;
      u6 += w6.y * vec4<f32>(low.w, high.xyz);
      u6 += w6.z * vec4<f32>(low.zw, high.xy);
      u6 += w6.w * vec4<f32>(low.yzw, high.x);
      u7 += w7.x * high;
      u7 += w7.y * vec4<f32>(low.w, high.xyz);
      u7 += w7.z * vec4<f32>(low.zw, high.xy);
      u7 += w7.w * vec4<f32>(low.yzw, high.x);
      }
    }
    workgroupBarrier();
    for (var i = thread; i < 512u; i += 256u) {
      let r0 = (i + 0u) / 512u;
      let t0 = i32(((i + 0u) % 512u) * 4u + tile * 2048u) - 0;
      let at0 = spread(r0 * 528u + (i + 0u) % 512u + 16u);
      var value0 = vec4<f32>(0.0);
      if (r0 < rowCount) { value0 = load_v(firstRow + r0, t0); }
      let r1 = (i + 64u) / 512u;
      let t1 = i32(((i + 64u) % 512u) * 4u + tile * 2048u) - 0;
      let at1 = spread(r1 * 528u + (i + 64u) % 512u + 16u);
      var value1 = vec4<f32>(0.0);
      if (r1 < rowCount) { value1 = load_v(firstRow + r1, t1); }
      let r2 = (i + 128u) / 512u;
      let t2 = i32(((i + 128u) % 512u) * 4u + tile * 2048u) - 0;
      let at2 = spread(r2 * 528u + (i + 128u) % 512u + 16u);
      var value2 = vec4<f32>(0.0);
      if (r2 < rowCount) { value2 = load_v(firstRow + r2, t2); }
      let r3 = (i + 192u) / 512u;
      let t3 = i32(((i + 192u) % 512u) * 4u + tile * 2048u) - 0;
      let at3 = spread(r3 * 528u + (i + 192u) % 512u + 16u);
      var value3 = vec4<f32>(0.0);
      if (r3 < rowCount) { value3 = load_v(firstRow + r3, t3); }
      { line[at0] = value0; }
      if (i + 64u < 512u) { line[at1] = value1; }
      if (i + 128u < 512u) { line[at2] = value2; }
      if (i + 192u < 512u) { line[at3] = value3; }
    }
    workgroupBarrier();
    u0 *= line[spread(own + 0u)];
      u1 *= line[spread(own + 1u)];
      u2 *= line[spread(own + 2u)];
      u3 *= line[spread(own + 3u)];
      u4 *= line[spread(own + 4u)];
      u5 *= line[spread(own + 5u)];
      u6 *= line[spread(own + 6u)];
      u7 *= line[spread(own + 7u)];
    // The convolution within the chunk.
    var y0 = vec4<f32>(0.0); var y1 = vec4<f32>(0.0); var y2 = vec4<f32>(0.0); var y3 = vec4<f32>(0.0); var y4 = vec4<f32>(0.0); var y5 = vec4<f32>(0.0); var y6 = vec4<f32>(0.0); var y7 = vec4<f32>(0.0);
    {
      let k0 = kernel[0]; let k1 = kernel[1]; let k2 = kernel[2]; let k3 = kernel[3]; let k4 = kernel[4]; let k5 = kernel[5]; let k6 = kernel[6]; let k7 = kernel[7];
      y0 += u0.x * k0;
      y0 = vec4<f32>(y0.x, y0.yzw + u0.y * k0.xyz);
      y0 = vec4<f32>(y0.xy, y0.zw + u0.z * k0.xy);
      y0.w += u0.w * k0.x;
      y1 += u1.x * k0;
      y1 = vec4<f32>(y1.x, y1.yzw + u1.y * k0.xyz);
      y1 = vec4<f32>(y1.xy, y1.zw + u1.z * k0.xy);
      y1.w += u1.w * k0.x;
      y2 += u2.x * k0;
      y2 = vec4<f32>(y2.x, y2.yzw + u2.y * k0.xyz);
      y2 = vec4<f32>(y2.xy, y2.zw + u2.z * k0.xy);
      y2.w += u2.w * k0.x;
      y3 += u3.x * k0;
      y3 = vec4<f32>(y3.x, y3.yzw + u3.y * k0.xyz);
      y3 = vec4<f32>(y3.xy, y3.zw + u3.z * k0.xy);
      y3.w += u3.w * k0.x;
      y4 += u4.x * k0;
      y4 = vec4<f32>(y4.x, y4.yzw + u4.y * k0.xyz);
      y4 = vec4<f32>(y4.xy, y4.zw + u4.z * k0.xy);
      y4.w += u4.w * k0.x;
      y5 += u5.x * k0;
      y5 = vec4<f32>(y5.x, y5.yzw + u5.y * k0.xyz);
      y5 = vec4<f32>(y5.xy, y5.zw + u5.z * k0.xy);
      y5.w += u5.w * k0.x;
      y6 += u6.x * k0;
      y6 = vec4<f32>(y6.x, y6.yzw + u6.y * k0.xyz);
      y6 = vec4<f32>(y6.xy, y6.zw + u6.z * k0.xy);
      y6.w += u6.w * k0.x;
      y7 += u7.x * k0;
      y7 = vec4<f32>(y7.x, y7.yzw + u7.y * k0.xyz);
      y7 = vec4<f32>(y7.xy, y7.zw + u7.z * k0.xy);
      y7.w += u7.w * k0.x;
      y1 += u0.x * k1;
      y1 += u0.y * vec4<f32>(k0.w, k1.xyz);
      y1 += u0.z * vec4<f32>(k0.zw, k1.xy);
      y1 += u0.w * vec4<f32>(k0.yzw, k1.x);
      y2 += u1.x * k1;
      y2 += u1.y * vec4<f32>(k0.w, k1.xyz);
      y2 += u1.z * vec4<f32>(k0.zw, k1.xy);
      y2 += u1.w * vec4<f32>(k0.yzw, k1.x);
      y3 += u2.x * k1;
      y3 += u2.y * vec4<f32>(k0.w, k1.xyz);
      y3 += u2.z * vec4<f32>(k0.zw, k1.xy);
      y3 += u2.w * vec4<f32>(k0.yzw, k1.x);
      y4 += u3.x * k1;
      y4 += u3.y * vec4<f32>(k0.w, k1.xyz);
      y4 += u3.z * vec4<f32>(k0.zw, k1.xy);
      y4 += u3.w * vec4<f32>(k0.yzw, k1.x);
      y5 += u4.x * k1;
      y5 += u4.y * vec4<f32>(k0.w, k1.xyz);
      y5 += u4.z * vec4<f32>(k0.zw, k1.xy);
      y5 += u4.w * vec4<f32>(k0.yzw, k1.x);
      y6 += u5.x * k1;
      y6 += u5.y * vec4<f32>(k0.w, k1.xyz);
      y6 += u5.z * vec4<f32>(k0.zw, k1.xy);
      y6 += u5.w * vec4<f32>(k0.yzw, k1.x);
      y7 += u6.x * k1;
      y7 += u6.y * vec4<f32>(k0.w, k1.xyz);
      y7 += u6.z * vec4<f32>(k0.zw, k1.xy);
      y7 += u6.w * vec4<f32>(k0.yzw, k1.x);
      y2 += u0.x * k2;
      y2 += u0.y * vec4<f32>(k1.w, k2.xyz);
      y2 += u0.z * vec4<f32>(k1.zw, k2.xy);
      y2 += u0.w * vec4<f32>(k1.yzw, k2.x);
      y3 += u1.x * k2;
      y3 += u1.y * vec4<f32>(k1.w, k2.xyz);
      y3 += u1.z * vec4<f32>(k1.zw, k2.xy);
      y3 += u1.w * vec4<f32>(k1.yzw, k2.x);
      y4 += u2.x * k2;
      y4 += u2.y * vec4<f32>(k1.w, k2.xyz);
      y4 += u2.z * vec4<f32>(k1.zw, k2.xy);
      y4 += u2.w * vec4<f32>(k1.yzw, k2.x);
      y5 += u3.x * k2;
      y5 += u3.y * vec4<f32>(k1.w, k2.xyz);
      y5 += u3.z * vec4<f32>(k1.zw, k2.xy);
      y5 += u3.w * vec4<f32>(k1.yzw, k2.x);
      y6 += u4.x * k2;
      y6 += u4.y * vec4<f32>(k1.w, k2.xyz);
      y6 += u4.z * vec4<f32>(k1.zw, k2.xy);
      y6 += u4.w * vec4<f32>(k1.yzw, k2.x);
      y7 += u5.x * k2;
      y7 += u5.y * vec4<f32>(k1.w, k2.xyz);
      y7 += u5.z * vec4<f32>(k1.zw, k2.xy);
      y7 += u5.w * vec4<f32>(k1.yzw, k2.x);
      y3 += u0.x * k3;
      y3 += u0.y * vec4<f32>(k2.w, k3.xyz);
      y3 += u0.z * vec4<f32>(k2.zw, k3.xy);
      y3 += u0.w * vec4<f32>(k2.yzw, k3.x);
      y4 += u1.x * k3;
      y4 += u1.y * vec4<f32>(k2.w, k3.xyz);
      y4 += u1.z * vec4<f32>(k2.zw, k3.xy);
      y4 += u1.w * vec4<f32>(k2.yzw, k3.x);
      y5 += u2.x * k3;
      y5 += u2.y * vec4<f32>(k2.w, k3.xyz);
      y5 += u2.z * vec4<f32>(k2.zw, k3.xy);
      y5 += u2.w * vec4<f32>(k2.yzw, k3.x);
      y6 += u3.x * k3;
      y6 += u3.y * vec4<f32>(k2.w, k3.xyz);
      y6 += u3.z * vec4<f32>(k2.zw, k3.xy);
      y6 += u3.w * vec4<f32>(k2.yzw, k3.x);
      y7 += u4.x * k3;
      y7 += u4.y * vec4<f32>(k2.w, k3.xyz);
      y7 += u4.z * vec4<f32>(k2.zw, k3.xy);
      y7 += u4.w * vec4<f32>(k2.yzw, k3.x);
      y4 += u0.x * k4;
      y4 += u0.y * vec4<f32>(k3.w, k4.xyz);
      y4 += u0.z * vec4<f32>(k3.zw, k4.xy);
      y4 += u0.w * vec4<f32>(k3.yzw, k4.x);
      y5 += u1.x * k4;
      y5 += u1.y * vec4<f32>(k3.w, k4.xyz);
      y5 += u1.z * vec4<f32>(k3.zw, k4.xy);
      y5 += u1.w * vec4<f32>(k3.yzw, k4.x);
      y6 += u2.x * k4;
      y6 += u2.y * vec4<f32>(k3.w, k4.xyz);
      y6 += u2.z * vec4<f32>(k3.zw, k4.xy);
      y6 += u2.w * vec4<f32>(k3.yzw, k4.x);
      y7 += u3.x * k4;
      y7 += u3.y * vec4<f32>(k3.w, k4.xyz);
      y7 += u3.z * vec4<f32>(k3.zw, k4.xy);
      y7 += u3.w * vec4<f32>(k3.yzw, k4.x);
      y5 += u0.x * k5;
      y5 += u0.y * vec4<f32>(k4.w, k5.xyz);
      y5 += u0.z * vec4<f32>(k4.zw, k5.xy);
      y5 += u0.w * vec4<f32>(k4.yzw, k5.x);
      y6 += u1.x * k5;
      y6 += u1.y * vec4<f32>(k4.w, k5.xyz);
      y6 += u1.z * vec4<f32>(k4.zw, k5.xy);
      y6 += u1.w * vec4<f32>(k4.yzw, k5.x);
      y7 += u2.x * k5;
      y7 += u2.y * vec4<f32>(k4.w, k5.xyz);
      y7 += u2.z * vec4<f32>(k4.zw, k5.xy);
      y7 += u2.w * vec4<f32>(k4.yzw, k5.x);
      y6 += u0.x * k6;
      y6 += u0.y * vec4<f32>(k5.w, k6.xyz);
      y6 += u0.z * vec4<f32>(k5.zw, k6.xy);
      y6 += u0.w * vec4<f32>(k5.yzw, k6.x);
      y7 += u1.x * k6;
      y7 += u1.y * vec4<f32>(k5.w, k6.xyz);
      y7 += u1.z * vec4<f32>(k5.zw, k6.xy);
      y7 += u1.w * vec4<f32>(k5.yzw, k6.x);
      y7 += u0.x * k7;
      y7 += u0.y * vec4<f32>(k6.w, k7.xyz);
      y7 += u0.z * vec4<f32>(k6.zw, k7.xy);
      y7 += u0.w * vec4<f32>(k6.yzw, k7.x);
    }
    for (var base = 0u; base < 32u; base += 8u) {
      let count = min(8u, 32u - base);
      workgroupBarrier();
      for (var i = thread; i < count * 8u; i += 64u) { powers[i] = table[entries + base * 8u + i]; }
      for (var i = thread; i < count * 2u; i += 64u) { coefficients[i] = table[entries + 256u + base * 2u + i]; }
      workgroupBarrier();
      if (holds) {
        for (var n = 0u; n < count; n++) {
        var a0 = vec2<f32>(0.0); var a1 = vec2<f32>(0.0);
        { let re = powers[n * 8u + 0u].wzyx; let im = powers[n * 8u + 4u].wzyx; a0 += vec2<f32>(dot(re, u3), dot(im, u3)); a1 += vec2<f32>(dot(re, u7), dot(im, u7)); }
        { let re = powers[n * 8u + 1u].wzyx; let im = powers[n * 8u + 5u].wzyx; a0 += vec2<f32>(dot(re, u2), dot(im, u2)); a1 += vec2<f32>(dot(re, u6), dot(im, u6)); }
        { let re = powers[n * 8u + 2u].wzyx; let im = powers[n * 8u + 6u].wzyx; a0 += vec2<f32>(dot(re, u1), dot(im, u1)); a1 += vec2<f32>(dot(re, u5), dot(im, u5)); }
        { let re = powers[n * 8u + 3u].wzyx; let im = powers[n * 8u + 7u].wzyx; a0 += vec2<f32>(dot(re, u0), dot(im, u0)); a1 += vec2<f32>(dot(re, u4), dot(im, u4)); }
        a1 += times(coefficients[2u * n + 1u].xy, a0);
        sums[thread * 9u + n] = a1;
        }
      }
      workgroupBarrier();
      for (var i = thread; i < count * rowCount; i += 64u) {
        let n = i % count;
        let r = i / count;
        let whole = coefficients[2u * n].zw;
        var x = carry[base + n];
        var at = r * 576u + n;
        var sum = sums[at];
        for (var g = 0u; g < 64u; g++) {
          // Read ahead: the store below would hold up a load that follows it.
          let next = sums[at + 9u];
          sums[at] = x;
          x = times(whole, x) + sum;
          sum = next;
          at += 9u;
        }
        carry[base + n] = x;
      }
      workgroupBarrier();
      for (var n = 0u; n < count; n++) {
      let a0 = times(coefficients[2u * n].xy, sums[thread * 9u + n]);
      let a1 = times(coefficients[2u * n + 1u].xy, a0);
      { let re = powers[n * 8u + 0u]; let im = powers[n * 8u + 4u]; y0 += re * a0.x - im * a0.y; y4 += re * a1.x - im * a1.y; }
      { let re = powers[n * 8u + 1u]; let im = powers[n * 8u + 5u]; y1 += re * a0.x - im * a0.y; y5 += re * a1.x - im * a1.y; }
      { let re = powers[n * 8u + 2u]; let im = powers[n * 8u + 6u]; y2 += re * a0.x - im * a0.y; y6 += re * a1.x - im * a1.y; }
      { let re = powers[n * 8u + 3u]; let im = powers[n * 8u + 7u]; y3 += re * a0.x - im * a0.y; y7 += re * a1.x - im * a1.y; }
      }
    }
    workgroupBarrier();
    if (holds) { line[spread(own + 0u)] = y0; line[spread(own + 1u)] = y1; line[spread(own + 2u)] = y2; line[spread(own + 3u)] = y3; line[spread(own + 4u)] = y4; line[spread(own + 5u)] = y5; line[spread(own + 6u)] = y6; line[spread(own + 7u)] = y7; }
    workgroupBarrier();
    for (var i = thread; i < 512u; i += 256u) {
      let r0 = (i + 0u) / 512u;
      let t0 = i32(((i + 0u) % 512u) * 4u + tile * 2048u) - 0;
      let at0 = spread(r0 * 528u + (i + 0u) % 512u + 16u);
      var gate0 = vec4<f32>(0.0);
      if (i + 0u < 512u && r0 < rowCount && t0 < 4096) { gate0 = load_q(firstRow + r0, t0); }
      let r1 = (i + 64u) / 512u;
      let t1 = i32(((i + 64u) % 512u) * 4u + tile * 2048u) - 0;
      let at1 = spread(r1 * 528u + (i + 64u) % 512u + 16u);
      var gate1 = vec4<f32>(0.0);
      if (i + 64u < 512u && r1 < rowCount && t1 < 4096) { gate1 = load_q(firstRow + r1, t1); }
      let r2 = (i + 128u) / 512u;
      let t2 = i32(((i + 128u) % 512u) * 4u + tile * 2048u) - 0;
      let at2 = spread(r2 * 528u + (i + 128u) % 512u + 16u);
      var gate2 = vec4<f32>(0.0);
      if (i + 128u < 512u && r2 < rowCount && t2 < 4096) { gate2 = load_q(firstRow + r2, t2); }
      let r3 = (i + 192u) / 512u;
      let t3 = i32(((i + 192u) % 512u) * 4u + tile * 2048u) - 0;
      let at3 = spread(r3 * 528u + (i + 192u) % 512u + 16u);
      var gate3 = vec4<f32>(0.0);
      if (i + 192u < 512u && r3 < rowCount && t3 < 4096) { gate3 = load_q(firstRow + r3, t3); }
      if (i + 0u < 512u && r0 < rowCount && t0 < 4096) { store_y(firstRow + r0, u32(t0), line[at0] * gate0); }
      if (i + 64u < 512u && r1 < rowCount && t1 < 4096) { store_y(firstRow + r1, u32(t1), line[at1] * gate1); }
      if (i + 128u < 512u && r2 < rowCount && t2 < 4096) { store_y(firstRow + r2, u32(t2), line[at2] * gate2); }
      if (i + 192u < 512u && r3 < rowCount && t3 < 4096) { store_y(firstRow + r3, u32(t3), line[at3] * gate3); }
    }
    workgroupBarrier();
    }
  }
}

// diagonal model: powers and taps: 256 × 1 × 1 workgroups
// reads logRe: array<f32> = input 5 65536 … 98304
// reads logIm: array<f32> = input 6 65536 … 98304
// reads cRe: array<f32> = input 7 65536 … 98304
// reads cIm: array<f32> = input 8 65536 … 98304
// reads skip: array<f32> = input 9 2048 … 3072
// reads taps: array<f32> = input 3 131072 … 196608
// reads shiftSkip: array<f32> = input 4 2048 … 3072
// writes table: array<f32> = workspace 2883584 … 4325376
var<private> noBits: u32 = 0u;
fn nonFinite(bits: u32) -> f32 { return bitcast<f32>(bits | noBits); }
const inverseTurn = array<u32, 7>(683565275u, 2475754826u, 2131351028u, 2102212464u, 920167782u, 1326507024u, 2140428522u);
fn inverseTurnWord(index: i32) -> u32 {
  if (index < 0 || index >= 7) { return 0u; }
  return inverseTurn[index];
}
// 32 bits after the point of 2^position / 2π.
fn inverseTurnBits(position: i32) -> u32 {
  let shift = u32(position & 31);
  let high = inverseTurnWord(position >> 5u) << shift;
  return select(high | (inverseTurnWord((position >> 5u) + 1) >> ((32u - shift) & 31u)), high, shift == 0u);
}
fn multiplyHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let first = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let second = (a & 0xffffu) * (b >> 16u) + (first & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (first >> 16u) + (second >> 16u);
}
fn turnsOf(angle: f32) -> vec2<u32> {
  let bits = bitcast<u32>(angle);
  let exponent = i32((bits >> 23u) & 255u);
  if (exponent == 0) { return vec2<u32>(0u); }
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  let middle = mantissa * inverseTurnBits(exponent - 118);
  let low = middle + multiplyHigh(mantissa, inverseTurnBits(exponent - 86));
  let high = mantissa * inverseTurnBits(exponent - 150) + multiplyHigh(mantissa, inverseTurnBits(exponent - 118))
    + select(0u, 1u, low < middle);
  if (bits < 0x80000000u) { return vec2<u32>(high, low); }
  return vec2<u32>(~high + select(0u, 1u, low == 0u), ~low + 1u);
}
fn cosSinOfTurns(turns: u32) -> vec2<f32> {
  let quarter = (turns + 0x20000000u) >> 30u;
  let r = f32(bitcast<i32>(turns - (quarter << 30u))) * f32(1.462918119976564e-9);
  let z = r * r;
  let sine = r + r * z * (((f32(0.0000027557318844628753) * z + f32(-0.00019841270113829523)) * z + f32(0.008333333767950535)) * z + f32(-0.1666666716337204));
  let cosine = 1.0 - z * (((f32(-0.000024801587642286904) * z + f32(0.0013888889225199819)) * z + f32(-0.0416666679084301)) * z + f32(0.5));
  let turned = select(vec2<f32>(cosine, sine), vec2<f32>(-sine, cosine), (quarter & 1u) == 1u);
  return select(turned, -turned, (quarter & 2u) == 2u);
}
fn accurateExp(x: f32) -> f32 {
  if ((bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u) { return x; }
  let bounded = clamp(x, -170.0, 170.0);
  let n = round(bounded * f32(1.4426950216293335));
  // The first part of log 2 has so few bits that its product with n is exact.
  let r = (bounded - n * 0.693359375) - n * f32(-0.00021219444170128554);
  let half = i32(n) >> 1u;
  let scale = bitcast<f32>((half + 127) << 23u);
  return (1.0 + r * (((((((f32(0.000024801587642286904) * r + f32(0.00019841270113829523)) * r + f32(0.0013888889225199819)) * r + f32(0.008333333767950535)) * r + f32(0.0416666679084301)) * r + f32(0.1666666716337204)) * r + f32(0.5)) * r + f32(1.0))) * scale * bitcast<f32>((i32(n) - half + 127) << 23u);
}
fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
fn polePower(logRe: f32, logIm: f32, m: u32) -> vec2<f32> {
  if (m == 0u) { return vec2<f32>(1.0, 0.0); }
  if ((bitcast<u32>(logIm) & 0x7f800000u) == 0x7f800000u) { return vec2<f32>(nonFinite(0x7fc00000u)); }
  let turns = turnsOf(logIm);
  return accurateExp(f32(m) * logRe) * cosSinOfTurns(m * turns.x + multiplyHigh(m, turns.y));
}
var<workgroup> powers: array<vec2<f32>, 512>;
var<workgroup> jumps: array<vec2<f32>, 32>;
var<workgroup> sums: array<f32, 128>;
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let channel = (workgroup.y * grid.x + workgroup.x);
  if (channel >= 256u) { return; }
  let start = channel * 1408u;
  let first = channel * 32u;
  for (var i = thread; i < 512u; i += 128u) {
    let n = i / 16u;
    let power = polePower(logRe[first + n], logIm[first + n], i % 16u);
    powers[i] = power;
    table[start + i + n * 16u] = power.x;
    table[start + i + (n + 1u) * 16u] = power.y;
  }
  for (var i = thread; i < 128u; i += 128u) {
    let n = first + i / 4u;
    let exponents = vec4<u32>(1u, 32u, 16u, 0u);
    var power = polePower(logRe[n], logIm[n], exponents[i % 4u]);
    if (i % 4u == 2u) { jumps[i / 4u] = power; }
    if (i % 4u == 0u || i % 4u == 3u) { power = 2.0 * times(power, vec2<f32>(cRe[n], cIm[n])); }
    table[start + 1024u + 2u * i] = power.x;
    table[start + 1024u + 2u * i + 1u] = power.y;
  }
  workgroupBarrier();
  // A thread has some states of a tap; the later taps' powers are products of two, so that no thread makes them anew.
  {
    let l = thread % 32u;
    var sum = 0.0;
    for (var n = thread / 32u; n < 32u; n += 4u) {
      var power = powers[n * 16u + l % 16u];
      for (var j = l / 16u; j > 0u; j--) { power = times(power, jumps[n]); }
      sum += cRe[first + n] * power.x - cIm[first + n] * power.y;
    }
    sums[thread] = sum;
  }
  workgroupBarrier();
  for (var l = thread; l < 32u; l += 128u) {
    var sum = 0.0;
    for (var i = l; i < 128u; i += 32u) { sum += sums[i]; }
    sum *= 2.0;
    if (l == 0u) { sum += skip[channel]; }
    table[start + 1280u + l] = sum;
  }
  for (var j = thread; j < 68u; j += 128u) {
    var tap = 0.0;
    if (j < 64u) { tap = taps[channel * 64u + j]; }
    if (j == 0u) { tap += shiftSkip[channel]; }
    table[start + 1312u + j] = tap;
  }
}

// H3 mixer in chunks: 1536 × 1 × 1 workgroups
// reads q: array<vec4<f32>> = input 0 134217728 … 201326592
// reads k: array<vec4<f32>> = input 1 134217728 … 201326592
// reads v: array<vec4<f32>> = input 2 134217728 … 201326592
// reads table: array<vec4<f32>> = workspace 2883584 … 4325376
// writes y: array<vec4<f32>> = output 0 134217728 … 201326592
fn spread(i: u32) -> u32 { return i + (i >> 3u); }
fn load_q(row: u32, t: i32) -> vec4<f32> {
  if (t < 0) { return vec4<f32>(0.0); }
  if (t >= 4096) { return vec4<f32>(0.0); }
  return q[(row * 4096u + u32(t)) / 4u];
}
fn load_k(row: u32, t: i32) -> vec4<f32> {
  if (t < 0) { return vec4<f32>(0.0); }
  if (t >= 4096) { return vec4<f32>(0.0); }
  return k[(row * 4096u + u32(t)) / 4u];
}
fn load_v(row: u32, t: i32) -> vec4<f32> {
  if (t < 0) { return vec4<f32>(0.0); }
  if (t >= 4096) { return vec4<f32>(0.0); }
  return v[(row * 4096u + u32(t)) / 4u];
}
fn store_y(row: u32, t: u32, value: vec4<f32>) {
  if (t >= 4096u) { return; }
  y[(row * 4096u + t) / 4u] = value;
}
var<workgroup> line: array<vec4<f32>, 595>;
var<workgroup> kernel: array<vec4<f32>, 8>;
var<workgroup> shift: array<vec4<f32>, 17>;
var<workgroup> powers: array<vec4<f32>, 64>;
var<workgroup> coefficients: array<vec4<f32>, 16>;
var<workgroup> sums: array<vec2<f32>, 585>;
var<workgroup> carry: array<vec2<f32>, 32>;
fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let number = (workgroup.y * grid.x + workgroup.x);
  if (number >= 1536u) { return; }
  let channel = number / 6u;
  let entries = channel * 352u;
  let ownRow = thread / 64u;
  let ownChunk = thread % 64u;
  // Where this thread's chunk starts in the buffer; threads without a chunk of their own repeat one and keep nothing.
  let own = min(ownRow, 0u) * 528u + 16u + ownChunk * 8u;
  for (var i = thread; i < 8u; i += 64u) { kernel[i] = table[entries + 320u + i]; }
  for (var i = thread; i < 17u; i += 64u) { shift[i] = table[entries + 328u + i]; }
  for (var group = number % 6u; group < 16u; group += 6u) {
    let firstRow = channel * 16u + group * 1u;
    let rowCount = min(1u, 16u - group * 1u);
    let holds = ownRow < rowCount;
    workgroupBarrier();
    for (var n = thread; n < 32u; n += 64u) { carry[n] = vec2<f32>(0.0); }
    for (var tile = 0u; tile < 2u; tile++) {
    for (var i = thread; i < 528u; i += 256u) {
      let r0 = (i + 0u) / 528u;
      let t0 = i32(((i + 0u) % 528u) * 4u + tile * 2048u) - 64;
      let at0 = spread(r0 * 528u + (i + 0u) % 528u + 0u);
      var value0 = vec4<f32>(0.0);
      if (r0 < rowCount) { value0 = load_k(firstRow + r0, t0); }
      let r1 = (i + 64u) / 528u;
      let t1 = i32(((i + 64u) % 528u) * 4u + tile * 2048u) - 64;
      let at1 = spread(r1 * 528u + (i + 64u) % 528u + 0u);
      var value1 = vec4<f32>(0.0);
      if (r1 < rowCount) { value1 = load_k(firstRow + r1, t1); }
      let r2 = (i + 128u) / 528u;
      let t2 = i32(((i + 128u) % 528u) * 4u + tile * 2048u) - 64;
      let at2 = spread(r2 * 528u + (i + 128u) % 528u + 0u);
      var value2 = vec4<f32>(0.0);
      if (r2 < rowCount) { value2 = load_k(firstRow + r2, t2); }
      let r3 = (i + 192u) / 528u;
      let t3 = i32(((i + 192u) % 528u) * 4u + tile * 2048u) - 64;
      let at3 = spread(r3 * 528u + (i + 192u) % 528u + 0u);
      var value3 = vec4<f32>(0.0);
      if (r3 < rowCount) { value3 = load_k(firstRow + r3, t3); }
      { line[at0] = value0; }
      if (i + 64u < 528u) { line[at1] = value1; }
      if (i + 128u < 528u) { line[at2] = value2; }
      if (i + 192u < 528u) { line[at3] = value3; }
    }
    workgroupBarrier();
    var u0 = vec4<f32>(0.0); var w0 = line[spread(own + 0u)];
      var u1 = vec4<f32>(0.0); var w1 = line[spread(own + 1u)];
      var u2 = vec4<f32>(0.0); var w2 = line[spread(own + 2u)];
      var u3 = vec4<f32>(0.0); var w3 = line[spread(own + 3u)];
      var u4 = vec4<f32>(0.0); var w4 = line[spread(own + 4u)];
      var u5 = vec4<f32>(0.0); var w5 = line[spread(own + 5u)];
      var u6 = vec4<f32>(0.0); var w6 = line[spread(own + 6u)];
      var u7 = vec4<f32>(0.0); var w7 = line[spread(own + 7u)];
    {
      var high = shift[0];
      u0 += w0.x * high;
      u0 = vec4<f32>(u0.x, u0.yzw + w0.y * high.xyz);
      u0 = vec4<f32>(u0.xy, u0.zw + w0.z * high.xy);
      u0.w += w0.w * high.x;
      u1 += w1.x * high;
      u1 = vec4<f32>(u1.x, u1.yzw + w1.y * high.xyz);
      u1 = vec4<f32>(u1.xy, u1.zw + w1.z * high.xy);
      u1.w += w1.w * high.x;
      u2 += w2.x * high;
      u2 = vec4<f32>(u2.x, u2.yzw + w2.y * high.xyz);
      u2 = vec4<f32>(u2.xy, u2.zw + w2.z * high.xy);
      u2.w += w2.w * high.x;
      u3 += w3.x * high;
      u3 = vec4<f32>(u3.x, u3.yzw + w3.y * high.xyz);
      u3 = vec4<f32>(u3.xy, u3.zw + w3.z * high.xy);
      u3.w += w3.w * high.x;
      u4 += w4.x * high;
      u4 = vec4<f32>(u4.x, u4.yzw + w4.y * high.xyz);
      u4 = vec4<f32>(u4.xy, u4.zw + w4.z * high.xy);
      u4.w += w4.w * high.x;
      u5 += w5.x * high;
      u5 = vec4<f32>(u5.x, u5.yzw + w5.y * high.xyz);
      u5 = vec4<f32>(u5.xy, u5.zw + w5.z * high.xy);
      u5.w += w5.w * high.x;
      u6 += w6.x * high;
      u6 = vec4<f32>(u6.x, u6.yzw + w6.y * high.xyz);
      u6 = vec4<f32>(u6.xy, u6.zw + w6.z * high.xy);
      u6.w += w6.w * high.x;
      u7 += w7.x * high;
      u7 = vec4<f32>(u7.x, u7.yzw + w7.y * high.xyz);
      u7 = vec4<f32>(u7.xy, u7.zw + w7.z * high.xy);
      u7.w += w7.w * high.x;
      for (var d = 1u; d < 17u; d++) {
      let low = high;
      high = shift[d];
      w7 = w6; w6 = w5; w5 = w4; w4 = w3; w3 = w2; w2 = w1; w1 = w0;
      w0 = line[spread(own - d)];
      u0 += w0.x * high;
      u0 += w0.y * vec4<f32>(low.w, high.xyz);
      u0 += w0.z * vec4<f32>(low.zw, high.xy);
      u0 += w0.w * vec4<f32>(low.yzw, high.x);
      u1 += w1.x * high;
      u1 += w1.y * vec4<f32>(low.w, high.xyz);
      u1 += w1.z * vec4<f32>(low.zw, high.xy);
      u1 += w1.w * vec4<f32>(low.yzw, high.x);
      u2 += w2.x * high;
      u2 += w2.y * vec4<f32>(low.w, high.xyz);
      u2 += w2.z * vec4<f32>(low.zw, high.xy);
      u2 += w2.w * vec4<f32>(low.yzw, high.x);
      u3 += w3.x * high;
      u3 += w3.y * vec4<f32>(low.w, high.xyz);
      u3 += w3.z * vec4<f32>(low.zw, high.xy);
      u3 += w3.w * vec4<f32>(low.yzw, high.x);
      u4 += w4.x * high;
      u4 += w4.y * vec4<f32>(low.w, high.xyz);
      u4 += w4.z * vec4<f32>(low.zw, high.xy);
      u4 += w4.w * vec4<f32>(low.yzw, high.x);
      u5 += w5.x * high;
      u5 += w5.y * vec4<f32>(low.w, high.xyz);
      u5 += w5.z * vec4<f32>(low.zw, high.xy);
      u5 += w5.w * vec4<f32>(low.yzw, high.x);
      u6 += w6.x * high;
      u6 += w6.y * vec4<f32>(low.w, high.xyz);
      u6 += w6.z * vec4<f32>(low.zw, high.xy);
      u6 += w6.w * vec4<f32>(low.yzw, high.x);
      u7 += w7.x * high;
      u7 += w7.y * vec4<f32>(low.w, high.xyz);
      u7 += w7.z * vec4<f32>(low.zw, high.xy);
      u7 += w7.w * vec4<f32>(low.yzw, high.x);
      }
    }
    workgroupBarrier();
    for (var i = thread; i < 512u; i += 256u) {
      let r0 = (i + 0u) / 512u;
      let t0 = i32(((i + 0u) % 512u) * 4u + tile * 2048u) - 0;
      let at0 = spread(r0 * 528u + (i + 0u) % 512u + 16u);
      var value0 = vec4<f32>(0.0);
      if (r0 < rowCount) { value0 = load_v(firstRow + r0, t0); }
      let r1 = (i + 64u) / 512u;
      let t1 = i32(((i + 64u) % 512u) * 4u + tile * 2048u) - 0;
      let at1 = spread(r1 * 528u + (i + 64u) % 512u + 16u);
      var value1 = vec4<f32>(0.0);
      if (r1 < rowCount) { value1 = load_v(firstRow + r1, t1); }
      let r2 = (i + 128u) / 512u;
      let t2 = i32(((i + 128u) % 512u) * 4u + tile * 2048u) - 0;
      let at2 = spread(r2 * 528u + (i + 128u) % 512u + 16u);
      var value2 = vec4<f32>(0.0);
      if (r2 < rowCount) { value2 = load_v(firstRow + r2, t2); }
      let r3 = (i + 192u) / 512u;
      let t3 = i32(((i + 192u) % 512u) * 4u + tile * 2048u) - 0;
      let at3 = spread(r3 * 528u + (i + 192u) % 512u + 16u);
      var value3 = vec4<f32>(0.0);
      if (r3 < rowCount) { value3 = load_v(firstRow + r3, t3); }
      { line[at0] = value0; }
      if (i + 64u < 512u) { line[at1] = value1; }
      if (i + 128u < 512u) { line[at2] = value2; }
      if (i + 192u < 512u) { line[at3] = value3; }
    }
    workgroupBarrier();
    u0 *= line[spread(own + 0u)];
      u1 *= line[spread(own + 1u)];
      u2 *= line[spread(own + 2u)];
      u3 *= line[spread(own + 3u)];
      u4 *= line[spread(own + 4u)];
      u5 *= line[spread(own + 5u)];
      u6 *= line[spread(own + 6u)];
      u7 *= line[spread(own + 7u)];
    // The convolution within the chunk.
    var y0 = vec4<f32>(0.0); var y1 = vec4<f32>(0.0); var y2 = vec4<f32>(0.0); var y3 = vec4<f32>(0.0); var y4 = vec4<f32>(0.0); var y5 = vec4<f32>(0.0); var y6 = vec4<f32>(0.0); var y7 = vec4<f32>(0.0);
    {
      let k0 = kernel[0]; let k1 = kernel[1]; let k2 = kernel[2]; let k3 = kernel[3]; let k4 = kernel[4]; let k5 = kernel[5]; let k6 = kernel[6]; let k7 = kernel[7];
      y0 += u0.x * k0;
      y0 = vec4<f32>(y0.x, y0.yzw + u0.y * k0.xyz);
      y0 = vec4<f32>(y0.xy, y0.zw + u0.z * k0.xy);
      y0.w += u0.w * k0.x;
      y1 += u1.x * k0;
      y1 = vec4<f32>(y1.x, y1.yzw + u1.y * k0.xyz);
      y1 = vec4<f32>(y1.xy, y1.zw + u1.z * k0.xy);
      y1.w += u1.w * k0.x;
      y2 += u2.x * k0;
      y2 = vec4<f32>(y2.x, y2.yzw + u2.y * k0.xyz);
      y2 = vec4<f32>(y2.xy, y2.zw + u2.z * k0.xy);
      y2.w += u2.w * k0.x;
      y3 += u3.x * k0;
      y3 = vec4<f32>(y3.x, y3.yzw + u3.y * k0.xyz);
      y3 = vec4<f32>(y3.xy, y3.zw + u3.z * k0.xy);
      y3.w += u3.w * k0.x;
      y4 += u4.x * k0;
      y4 = vec4<f32>(y4.x, y4.yzw + u4.y * k0.xyz);
      y4 = vec4<f32>(y4.xy, y4.zw + u4.z * k0.xy);
      y4.w += u4.w * k0.x;
      y5 += u5.x * k0;
      y5 = vec4<f32>(y5.x, y5.yzw + u5.y * k0.xyz);
      y5 = vec4<f32>(y5.xy, y5.zw + u5.z * k0.xy);
      y5.w += u5.w * k0.x;
      y6 += u6.x * k0;
      y6 = vec4<f32>(y6.x, y6.yzw + u6.y * k0.xyz);
      y6 = vec4<f32>(y6.xy, y6.zw + u6.z * k0.xy);
      y6.w += u6.w * k0.x;
      y7 += u7.x * k0;
      y7 = vec4<f32>(y7.x, y7.yzw + u7.y * k0.xyz);
      y7 = vec4<f32>(y7.xy, y7.zw + u7.z * k0.xy);
      y7.w += u7.w * k0.x;
      y1 += u0.x * k1;
      y1 += u0.y * vec4<f32>(k0.w, k1.xyz);
      y1 += u0.z * vec4<f32>(k0.zw, k1.xy);
      y1 += u0.w * vec4<f32>(k0.yzw, k1.x);
      y2 += u1.x * k1;
      y2 += u1.y * vec4<f32>(k0.w, k1.xyz);
      y2 += u1.z * vec4<f32>(k0.zw, k1.xy);
      y2 += u1.w * vec4<f32>(k0.yzw, k1.x);
      y3 += u2.x * k1;
      y3 += u2.y * vec4<f32>(k0.w, k1.xyz);
      y3 += u2.z * vec4<f32>(k0.zw, k1.xy);
      y3 += u2.w * vec4<f32>(k0.yzw, k1.x);
      y4 += u3.x * k1;
      y4 += u3.y * vec4<f32>(k0.w, k1.xyz);
      y4 += u3.z * vec4<f32>(k0.zw, k1.xy);
      y4 += u3.w * vec4<f32>(k0.yzw, k1.x);
      y5 += u4.x * k1;
      y5 += u4.y * vec4<f32>(k0.w, k1.xyz);
      y5 += u4.z * vec4<f32>(k0.zw, k1.xy);
      y5 += u4.w * vec4<f32>(k0.yzw, k1.x);
      y6 += u5.x * k1;
      y6 += u5.y * vec4<f32>(k0.w, k1.xyz);
      y6 += u5.z * vec4<f32>(k0.zw, k1.xy);
      y6 += u5.w * vec4<f32>(k0.yzw, k1.x);
      y7 += u6.x * k1;
      y7 += u6.y * vec4<f32>(k0.w, k1.xyz);
      y7 += u6.z * vec4<f32>(k0.zw, k1.xy);
      y7 += u6.w * vec4<f32>(k0.yzw, k1.x);
      y2 += u0.x * k2;
      y2 += u0.y * vec4<f32>(k1.w, k2.xyz);
      y2 += u0.z * vec4<f32>(k1.zw, k2.xy);
      y2 += u0.w * vec4<f32>(k1.yzw, k2.x);
      y3 += u1.x * k2;
      y3 += u1.y * vec4<f32>(k1.w, k2.xyz);
      y3 += u1.z * vec4<f32>(k1.zw, k2.xy);
      y3 += u1.w * vec4<f32>(k1.yzw, k2.x);
      y4 += u2.x * k2;
      y4 += u2.y * vec4<f32>(k1.w, k2.xyz);
      y4 += u2.z * vec4<f32>(k1.zw, k2.xy);
      y4 += u2.w * vec4<f32>(k1.yzw, k2.x);
      y5 += u3.x * k2;
      y5 += u3.y * vec4<f32>(k1.w, k2.xyz);
      y5 += u3.z * vec4<f32>(k1.zw, k2.xy);
      y5 += u3.w * vec4<f32>(k1.yzw, k2.x);
      y6 += u4.x * k2;
      y6 += u4.y * vec4<f32>(k1.w, k2.xyz);
      y6 += u4.z * vec4<f32>(k1.zw, k2.xy);
      y6 += u4.w * vec4<f32>(k1.yzw, k2.x);
      y7 += u5.x * k2;
      y7 += u5.y * vec4<f32>(k1.w, k2.xyz);
      y7 += u5.z * vec4<f32>(k1.zw, k2.xy);
      y7 += u5.w * vec4<f32>(k1.yzw, k2.x);
      y3 += u0.x * k3;
      y3 += u0.y * vec4<f32>(k2.w, k3.xyz);
      y3 += u0.z * vec4<f32>(k2.zw, k3.xy);
      y3 += u0.w * vec4<f32>(k2.yzw, k3.x);
      y4 += u1.x * k3;
      y4 += u1.y * vec4<f32>(k2.w, k3.xyz);
      y4 += u1.z * vec4<f32>(k2.zw, k3.xy);
      y4 += u1.w * vec4<f32>(k2.yzw, k3.x);
      y5 += u2.x * k3;
      y5 += u2.y * vec4<f32>(k2.w, k3.xyz);
      y5 += u2.z * vec4<f32>(k2.zw, k3.xy);
      y5 += u2.w * vec4<f32>(k2.yzw, k3.x);
      y6 += u3.x * k3;
      y6 += u3.y * vec4<f32>(k2.w, k3.xyz);
      y6 += u3.z * vec4<f32>(k2.zw, k3.xy);
      y6 += u3.w * vec4<f32>(k2.yzw, k3.x);
      y7 += u4.x * k3;
      y7 += u4.y * vec4<f32>(k2.w, k3.xyz);
      y7 += u4.z * vec4<f32>(k2.zw, k3.xy);
      y7 += u4.w * vec4<f32>(k2.yzw, k3.x);
      y4 += u0.x * k4;
      y4 += u0.y * vec4<f32>(k3.w, k4.xyz);
      y4 += u0.z * vec4<f32>(k3.zw, k4.xy);
      y4 += u0.w * vec4<f32>(k3.yzw, k4.x);
      y5 += u1.x * k4;
      y5 += u1.y * vec4<f32>(k3.w, k4.xyz);
      y5 += u1.z * vec4<f32>(k3.zw, k4.xy);
      y5 += u1.w * vec4<f32>(k3.yzw, k4.x);
      y6 += u2.x * k4;
      y6 += u2.y * vec4<f32>(k3.w, k4.xyz);
      y6 += u2.z * vec4<f32>(k3.zw, k4.xy);
      y6 += u2.w * vec4<f32>(k3.yzw, k4.x);
      y7 += u3.x * k4;
      y7 += u3.y * vec4<f32>(k3.w, k4.xyz);
      y7 += u3.z * vec4<f32>(k3.zw, k4.xy);
      y7 += u3.w * vec4<f32>(k3.yzw, k4.x);
      y5 += u0.x * k5;
      y5 += u0.y * vec4<f32>(k4.w, k5.xyz);
      y5 += u0.z * vec4<f32>(k4.zw, k5.xy);
      y5 += u0.w * vec4<f32>(k4.yzw, k5.x);
      y6 += u1.x * k5;
      y6 += u1.y * vec4<f32>(k4.w, k5.xyz);
      y6 += u1.z * vec4<f32>(k4.zw, k5.xy);
      y6 += u1.w * vec4<f32>(k4.yzw, k5.x);
      y7 += u2.x * k5;
      y7 += u2.y * vec4<f32>(k4.w, k5.xyz);
      y7 += u2.z * vec4<f32>(k4.zw, k5.xy);
      y7 += u2.w * vec4<f32>(k4.yzw, k5.x);
      y6 += u0.x * k6;
      y6 += u0.y * vec4<f32>(k5.w, k6.xyz);
      y6 += u0.z * vec4<f32>(k5.zw, k6.xy);
      y6 += u0.w * vec4<f32>(k5.yzw, k6.x);
      y7 += u1.x * k6;
      y7 += u1.y * vec4<f32>(k5.w, k6.xyz);
      y7 += u1.z * vec4<f32>(k5.zw, k6.xy);
      y7 += u1.w * vec4<f32>(k5.yzw, k6.x);
      y7 += u0.x * k7;
      y7 += u0.y * vec4<f32>(k6.w, k7.xyz);
      y7 += u0.z * vec4<f32>(k6.zw, k7.xy);
      y7 += u0.w * vec4<f32>(k6.yzw, k7.x);
    }
    for (var base = 0u; base < 32u; base += 8u) {
      let count = min(8u, 32u - base);
      workgroupBarrier();
      for (var i = thread; i < count * 8u; i += 64u) { powers[i] = table[entries + base * 8u + i]; }
      for (var i = thread; i < count * 2u; i += 64u) { coefficients[i] = table[entries + 256u + base * 2u + i]; }
      workgroupBarrier();
      if (holds) {
        for (var n = 0u; n < count; n++) {
        var a0 = vec2<f32>(0.0); var a1 = vec2<f32>(0.0);
        { let re = powers[n * 8u + 0u].wzyx; let im = powers[n * 8u + 4u].wzyx; a0 += vec2<f32>(dot(re, u3), dot(im, u3)); a1 += vec2<f32>(dot(re, u7), dot(im, u7)); }
        { let re = powers[n * 8u + 1u].wzyx; let im = powers[n * 8u + 5u].wzyx; a0 += vec2<f32>(dot(re, u2), dot(im, u2)); a1 += vec2<f32>(dot(re, u6), dot(im, u6)); }
        { let re = powers[n * 8u + 2u].wzyx; let im = powers[n * 8u + 6u].wzyx; a0 += vec2<f32>(dot(re, u1), dot(im, u1)); a1 += vec2<f32>(dot(re, u5), dot(im, u5)); }
        { let re = powers[n * 8u + 3u].wzyx; let im = powers[n * 8u + 7u].wzyx; a0 += vec2<f32>(dot(re, u0), dot(im, u0)); a1 += vec2<f32>(dot(re, u4), dot(im, u4)); }
        a1 += times(coefficients[2u * n + 1u].xy, a0);
        sums[thread * 9u + n] = a1;
        }
      }
      workgroupBarrier();
      for (var i = thread; i < count * rowCount; i += 64u) {
        let n = i % count;
        let r = i / count;
        let whole = coefficients[2u * n].zw;
        var x = carry[base + n];
        var at = r * 576u + n;
        var sum = sums[at];
        for (var g = 0u; g < 64u; g++) {
          // Read ahead: the store below would hold up a load that follows it.
          let next = sums[at + 9u];
          sums[at] = x;
          x = times(whole, x) + sum;
          sum = next;
          at += 9u;
        }
        carry[base + n] = x;
      }
      workgroupBarrier();
      for (var n = 0u; n < count; n++) {
      let a0 = times(coefficients[2u * n].xy, sums[thread * 9u + n]);
      let a1 = times(coefficients[2u * n + 1u].xy, a0);
      { let re = powers[n * 8u + 0u]; let im = powers[n * 8u + 4u]; y0 += re * a0.x - im * a0.y; y4 += re * a1.x - im * a1.y; }
      { let re = powers[n * 8u + 1u]; let im = powers[n * 8u + 5u]; y1 += re * a0.x - im * a0.y; y5 += re * a1.x - im * a1.y; }
      { let re = powers[n * 8u + 2u]; let im = powers[n * 8u + 6u]; y2 += re * a0.x - im * a0.y; y6 += re * a1.x - im * a1.y; }
      { let re = powers[n * 8u + 3u]; let im = powers[n * 8u + 7u]; y3 += re * a0.x - im * a0.y; y7 += re * a1.x - im * a1.y; }
      }
    }
    workgroupBarrier();
    if (holds) { line[spread(own + 0u)] = y0; line[spread(own + 1u)] = y1; line[spread(own + 2u)] = y2; line[spread(own + 3u)] = y3; line[spread(own + 4u)] = y4; line[spread(own + 5u)] = y5; line[spread(own + 6u)] = y6; line[spread(own + 7u)] = y7; }
    workgroupBarrier();
    for (var i = thread; i < 512u; i += 256u) {
      let r0 = (i + 0u) / 512u;
      let t0 = i32(((i + 0u) % 512u) * 4u + tile * 2048u) - 0;
      let at0 = spread(r0 * 528u + (i + 0u) % 512u + 16u);
      var gate0 = vec4<f32>(0.0);
      if (i + 0u < 512u && r0 < rowCount && t0 < 4096) { gate0 = load_q(firstRow + r0, t0); }
      let r1 = (i + 64u) / 512u;
      let t1 = i32(((i + 64u) % 512u) * 4u + tile * 2048u) - 0;
      let at1 = spread(r1 * 528u + (i + 64u) % 512u + 16u);
      var gate1 = vec4<f32>(0.0);
      if (i + 64u < 512u && r1 < rowCount && t1 < 4096) { gate1 = load_q(firstRow + r1, t1); }
      let r2 = (i + 128u) / 512u;
      let t2 = i32(((i + 128u) % 512u) * 4u + tile * 2048u) - 0;
      let at2 = spread(r2 * 528u + (i + 128u) % 512u + 16u);
      var gate2 = vec4<f32>(0.0);
      if (i + 128u < 512u && r2 < rowCount && t2 < 4096) { gate2 = load_q(firstRow + r2, t2); }
      let r3 = (i + 192u) / 512u;
      let t3 = i32(((i + 192u) % 512u) * 4u + tile * 2048u) - 0;
      let at3 = spread(r3 * 528u + (i + 192u) % 512u + 16u);
      var gate3 = vec4<f32>(0.0);
      if (i + 192u < 512u && r3 < rowCount && t3 < 4096) { gate3 = load_q(firstRow + r3, t3); }
      if (i + 0u < 512u && r0 < rowCount && t0 < 4096) { store_y(firstRow + r0, u32(t0), line[at0] * gate0); }
      if (i + 64u < 512u && r1 < rowCount && t1 < 4096) { store_y(firstRow + r1, u32(t1), line[at1] * gate1); }
      if (i + 128u < 512u && r2 < rowCount && t2 < 4096) { store_y(firstRow + r2, u32(t2), line[at2] * gate2); }
      if (i + 192u < 512u && r3 < rowCount && t3 < 4096) { store_y(firstRow + r3, u32(t3), line[at3] * gate3); }
    }
    workgroupBarrier();
    }
  }
}
