// spectra of kernels: 3 × 1 × 1 workgroups
// reads given: array<f32> = input 2
// reads skip: array<f32> = input 3
// writes spectrum: array<vec2<f32>> = workspace 0 … 24576
// reads twiddles: array<vec2<f32>> = table
var<workgroup> z: array<vec2<f32>, 1024>;
fn place(i: u32) -> u32 { return i ^ ((i >> 4u) & 15u); }
fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
// a·conj b
fn timesConjugate(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x + a.y * b.y, a.y * b.x - a.x * b.y);
}
fn load_given(pair: u32, t: u32) -> vec2<f32> {
  if (t >= 300u) { return vec2<f32>(0.0); }
  let at = (pair / 1u * 1u + pair % 1u * 2u) * 300u + t;
  var found = vec2<f32>(given[at], 0.0);
  if (t == 0u) { found.x += skip[pair]; }
  return found;
}
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let number = (workgroup.y * grid.x + workgroup.x);
  if (number >= 3u) { return; }
  let pair = number / 1u;
  let row = number % 1u;
  for (var i = thread; i < 1024u; i += 128u) { z[place(i)] = load_given(pair, i); }
  workgroupBarrier();
  for (var bits = 7u; bits < 10u; bits -= 3u) {
    for (var b = thread; b < 128u; b += 128u) {
      let c = b & 0u;
      let rest = b >> 0u;
      let o = rest & ((1u << bits) - 1u);
      let first = (((rest >> bits) << (bits + 3u)) + o) * 1u + c;
      let apart = 1u << bits;
      // The block's w to the offset, as a power of the whole transform's.
      let turn = o << (7u - bits);
      let a0 = z[place(first)];
      let a1 = z[place(first + 1u * apart)];
      let a2 = z[place(first + 2u * apart)];
      let a3 = z[place(first + 3u * apart)];
      let a4 = z[place(first + 4u * apart)];
      let a5 = z[place(first + 5u * apart)];
      let a6 = z[place(first + 6u * apart)];
      let a7 = z[place(first + 7u * apart)];
      let s0 = a0 + a4;
      let d0 = a0 - a4;
      let s1 = a1 + a5;
      let d1 = times(a1 - a5, vec2<f32>(f32(0.7071067690849304), f32(-0.7071067690849304)));
      let s2 = a2 + a6;
      let r2 = a2 - a6;
      let d2 = vec2<f32>(r2.y, -r2.x);
      let s3 = a3 + a7;
      let d3 = times(a3 - a7, vec2<f32>(f32(-0.7071067690849304), f32(-0.7071067690849304)));
      let se0 = s0 + s2;
      let de0 = s0 - s2;
      let se1 = s1 + s3;
      let re1 = s1 - s3;
      let de1 = vec2<f32>(re1.y, -re1.x);
      let see0 = se0 + se1;
      let dee0 = se0 - se1;
      let seo0 = de0 + de1;
      let deo0 = de0 - de1;
      let so0 = d0 + d2;
      let do0 = d0 - d2;
      let so1 = d1 + d3;
      let ro1 = d1 - d3;
      let do1 = vec2<f32>(ro1.y, -ro1.x);
      let soe0 = so0 + so1;
      let doe0 = so0 - so1;
      let soo0 = do0 + do1;
      let doo0 = do0 - do1;
      z[place(first)] = see0;
      z[place(first + 1u * apart)] = times(soe0, twiddles[1u * turn]);
      z[place(first + 2u * apart)] = times(seo0, twiddles[2u * turn]);
      z[place(first + 3u * apart)] = times(soo0, twiddles[3u * turn]);
      z[place(first + 4u * apart)] = times(dee0, twiddles[4u * turn]);
      z[place(first + 5u * apart)] = times(doe0, twiddles[5u * turn]);
      z[place(first + 6u * apart)] = times(deo0, twiddles[6u * turn]);
      z[place(first + 7u * apart)] = times(doo0, twiddles[7u * turn]);
    }
    workgroupBarrier();
    }
for (var b = thread; b < 512u; b += 128u) {
      let c = b & 0u;
      let rest = b >> 0u;
      let o = rest & ((1u << 0u) - 1u);
      let first = (((rest >> 0u) << (0u + 1u)) + o) * 1u + c;
      let apart = 1u << 0u;
      // The block's w to the offset, as a power of the whole transform's.
      let turn = o << (9u - 0u);
      let a0 = z[place(first)];
      let a1 = z[place(first + 1u * apart)];
      let s0 = a0 + a1;
      let d0 = a0 - a1;
      z[place(first)] = s0;
      z[place(first + 1u * apart)] = times(d0, twiddles[1u * turn]);
    }
    workgroupBarrier();
  for (var i = thread; i < 1024u; i += 128u) { spectrum[(pair * 1u + row) * 1024u + i] = z[place(i)] * 0.0009765625; }
}

// gradient by transform: 9 × 1 × 1 workgroups
// reads u: array<f32> = input 1
// reads dy: array<f32> = input 0
// reads spectrum: array<vec2<f32>> = workspace 0 … 24576
// writes du: array<f32> = output 0
// writes sums: array<vec2<f32>> = workspace 24576 … 98304
// reads twiddles: array<vec2<f32>> = table
var<workgroup> z: array<vec2<f32>, 1024>;
fn place(i: u32) -> u32 { return i ^ ((i >> 4u) & 15u); }
fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
// a·conj b
fn timesConjugate(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x + a.y * b.y, a.y * b.x - a.x * b.y);
}
fn load_u(pair: u32, t: u32) -> vec2<f32> {
  if (t >= 700u) { return vec2<f32>(0.0); }
  let at = (pair / 3u * 5u + pair % 3u * 2u) * 700u + t;
  var found = vec2<f32>(u[at], 0.0);
  if (pair % 3u * 2u + 1u < 5u) { found.y = u[at + 700u]; }
  return found;
}
fn load_dy(pair: u32, t: u32) -> vec2<f32> {
  if (t >= 700u) { return vec2<f32>(0.0); }
  let at = (pair / 3u * 5u + pair % 3u * 2u) * 700u + t;
  var found = vec2<f32>(dy[at], 0.0);
  if (pair % 3u * 2u + 1u < 5u) { found.y = dy[at + 700u]; }
  return found;
}
fn store_du(pair: u32, t: u32, value: vec2<f32>) {
  if (t >= 700u) { return; }
  let at = (pair / 3u * 5u + pair % 3u * 2u) * 700u + t;
  du[at] = value.x;
  if (pair % 3u * 2u + 1u < 5u) { du[at + 700u] = value.y; }
}
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let number = (workgroup.y * grid.x + workgroup.x);
  if (number >= 9u) { return; }
  let channel = number / 3u;
  let row = number / 3u % 1u;
  var sum0 = vec2<f32>(0.0);
    var sum1 = vec2<f32>(0.0);
    var sum2 = vec2<f32>(0.0);
    var sum3 = vec2<f32>(0.0);
    var sum4 = vec2<f32>(0.0);
    var sum5 = vec2<f32>(0.0);
    var sum6 = vec2<f32>(0.0);
    var sum7 = vec2<f32>(0.0);
  for (var p = number % 3u; p < 3u; p += 3u) {
    let pair = channel * 3u + p;
    workgroupBarrier();
    for (var i = thread; i < 1024u; i += 128u) { z[place(i)] = load_u(pair, i); }
    workgroupBarrier();
    for (var bits = 7u; bits < 10u; bits -= 3u) {
    for (var b = thread; b < 128u; b += 128u) {
      let c = b & 0u;
      let rest = b >> 0u;
      let o = rest & ((1u << bits) - 1u);
      let first = (((rest >> bits) << (bits + 3u)) + o) * 1u + c;
      let apart = 1u << bits;
      // The block's w to the offset, as a power of the whole transform's.
      let turn = o << (7u - bits);
      let a0 = z[place(first)];
      let a1 = z[place(first + 1u * apart)];
      let a2 = z[place(first + 2u * apart)];
      let a3 = z[place(first + 3u * apart)];
      let a4 = z[place(first + 4u * apart)];
      let a5 = z[place(first + 5u * apart)];
      let a6 = z[place(first + 6u * apart)];
      let a7 = z[place(first + 7u * apart)];
      let s0 = a0 + a4;
      let d0 = a0 - a4;
      let s1 = a1 + a5;
      let d1 = times(a1 - a5, vec2<f32>(f32(0.7071067690849304), f32(-0.7071067690849304)));
      let s2 = a2 + a6;
      let r2 = a2 - a6;
      let d2 = vec2<f32>(r2.y, -r2.x);
      let s3 = a3 + a7;
      let d3 = times(a3 - a7, vec2<f32>(f32(-0.7071067690849304), f32(-0.7071067690849304)));
      let se0 = s0 + s2;
      let de0 = s0 - s2;
      let se1 = s1 + s3;
      let re1 = s1 - s3;
      let de1 = vec2<f32>(re1.y, -re1.x);
      let see0 = se0 + se1;
      let dee0 = se0 - se1;
      let seo0 = de0 + de1;
      let deo0 = de0 - de1;
      let so0 = d0 + d2;
      let do0 = d0 - d2;
      let so1 = d1 + d3;
      let ro1 = d1 - d3;
      let do1 = vec2<f32>(ro1.y, -ro1.x);
      let soe0 = so0 + so1;
      let doe0 = so0 - so1;
      let soo0 = do0 + do1;
      let doo0 = do0 - do1;
      z[place(first)] = see0;
      z[place(first + 1u * apart)] = times(soe0, twiddles[1u * turn]);
      z[place(first + 2u * apart)] = times(seo0, twiddles[2u * turn]);
      z[place(first + 3u * apart)] = times(soo0, twiddles[3u * turn]);
      z[place(first + 4u * apart)] = times(dee0, twiddles[4u * turn]);
      z[place(first + 5u * apart)] = times(doe0, twiddles[5u * turn]);
      z[place(first + 6u * apart)] = times(deo0, twiddles[6u * turn]);
      z[place(first + 7u * apart)] = times(doo0, twiddles[7u * turn]);
    }
    workgroupBarrier();
    }
for (var b = thread; b < 512u; b += 128u) {
      let c = b & 0u;
      let rest = b >> 0u;
      let o = rest & ((1u << 0u) - 1u);
      let first = (((rest >> 0u) << (0u + 1u)) + o) * 1u + c;
      let apart = 1u << 0u;
      // The block's w to the offset, as a power of the whole transform's.
      let turn = o << (9u - 0u);
      let a0 = z[place(first)];
      let a1 = z[place(first + 1u * apart)];
      let s0 = a0 + a1;
      let d0 = a0 - a1;
      z[place(first)] = s0;
      z[place(first + 1u * apart)] = times(d0, twiddles[1u * turn]);
    }
    workgroupBarrier();
    let x0 = z[place(thread + 0u)];
    let x1 = z[place(thread + 128u)];
    let x2 = z[place(thread + 256u)];
    let x3 = z[place(thread + 384u)];
    let x4 = z[place(thread + 512u)];
    let x5 = z[place(thread + 640u)];
    let x6 = z[place(thread + 768u)];
    let x7 = z[place(thread + 896u)];
    workgroupBarrier();
    for (var i = thread; i < 1024u; i += 128u) { z[place(i)] = load_dy(pair, i); }
    workgroupBarrier();
    for (var bits = 7u; bits < 10u; bits -= 3u) {
    for (var b = thread; b < 128u; b += 128u) {
      let c = b & 0u;
      let rest = b >> 0u;
      let o = rest & ((1u << bits) - 1u);
      let first = (((rest >> bits) << (bits + 3u)) + o) * 1u + c;
      let apart = 1u << bits;
      // The block's w to the offset, as a power of the whole transform's.
      let turn = o << (7u - bits);
      let a0 = z[place(first)];
      let a1 = z[place(first + 1u * apart)];
      let a2 = z[place(first + 2u * apart)];
      let a3 = z[place(first + 3u * apart)];
      let a4 = z[place(first + 4u * apart)];
      let a5 = z[place(first + 5u * apart)];
      let a6 = z[place(first + 6u * apart)];
      let a7 = z[place(first + 7u * apart)];
      let s0 = a0 + a4;
      let d0 = a0 - a4;
      let s1 = a1 + a5;
      let d1 = times(a1 - a5, vec2<f32>(f32(0.7071067690849304), f32(-0.7071067690849304)));
      let s2 = a2 + a6;
      let r2 = a2 - a6;
      let d2 = vec2<f32>(r2.y, -r2.x);
      let s3 = a3 + a7;
      let d3 = times(a3 - a7, vec2<f32>(f32(-0.7071067690849304), f32(-0.7071067690849304)));
      let se0 = s0 + s2;
      let de0 = s0 - s2;
      let se1 = s1 + s3;
      let re1 = s1 - s3;
      let de1 = vec2<f32>(re1.y, -re1.x);
      let see0 = se0 + se1;
      let dee0 = se0 - se1;
      let seo0 = de0 + de1;
      let deo0 = de0 - de1;
      let so0 = d0 + d2;
      let do0 = d0 - d2;
      let so1 = d1 + d3;
      let ro1 = d1 - d3;
      let do1 = vec2<f32>(ro1.y, -ro1.x);
      let soe0 = so0 + so1;
      let doe0 = so0 - so1;
      let soo0 = do0 + do1;
      let doo0 = do0 - do1;
      z[place(first)] = see0;
      z[place(first + 1u * apart)] = times(soe0, twiddles[1u * turn]);
      z[place(first + 2u * apart)] = times(seo0, twiddles[2u * turn]);
      z[place(first + 3u * apart)] = times(soo0, twiddles[3u * turn]);
      z[place(first + 4u * apart)] = times(dee0, twiddles[4u * turn]);
      z[place(first + 5u * apart)] = times(doe0, twiddles[5u * turn]);
      z[place(first + 6u * apart)] = times(deo0, twiddles[6u * turn]);
      z[place(first + 7u * apart)] = times(doo0, twiddles[7u * turn]);
    }
    workgroupBarrier();
    }
for (var b = thread; b < 512u; b += 128u) {
      let c = b & 0u;
      let rest = b >> 0u;
      let o = rest & ((1u << 0u) - 1u);
      let first = (((rest >> 0u) << (0u + 1u)) + o) * 1u + c;
      let apart = 1u << 0u;
      // The block's w to the offset, as a power of the whole transform's.
      let turn = o << (9u - 0u);
      let a0 = z[place(first)];
      let a1 = z[place(first + 1u * apart)];
      let s0 = a0 + a1;
      let d0 = a0 - a1;
      z[place(first)] = s0;
      z[place(first + 1u * apart)] = times(d0, twiddles[1u * turn]);
    }
    workgroupBarrier();
    let g0 = z[place(thread + 0u)]; sum0 += timesConjugate(g0, x0);
    let g1 = z[place(thread + 128u)]; sum1 += timesConjugate(g1, x1);
    let g2 = z[place(thread + 256u)]; sum2 += timesConjugate(g2, x2);
    let g3 = z[place(thread + 384u)]; sum3 += timesConjugate(g3, x3);
    let g4 = z[place(thread + 512u)]; sum4 += timesConjugate(g4, x4);
    let g5 = z[place(thread + 640u)]; sum5 += timesConjugate(g5, x5);
    let g6 = z[place(thread + 768u)]; sum6 += timesConjugate(g6, x6);
    let g7 = z[place(thread + 896u)]; sum7 += timesConjugate(g7, x7);
    z[place(thread + 0u)] = timesConjugate(z[place(thread + 0u)], spectrum[(channel * 1u + row) * 1024u + thread + 0u]);
    z[place(thread + 128u)] = timesConjugate(z[place(thread + 128u)], spectrum[(channel * 1u + row) * 1024u + thread + 128u]);
    z[place(thread + 256u)] = timesConjugate(z[place(thread + 256u)], spectrum[(channel * 1u + row) * 1024u + thread + 256u]);
    z[place(thread + 384u)] = timesConjugate(z[place(thread + 384u)], spectrum[(channel * 1u + row) * 1024u + thread + 384u]);
    z[place(thread + 512u)] = timesConjugate(z[place(thread + 512u)], spectrum[(channel * 1u + row) * 1024u + thread + 512u]);
    z[place(thread + 640u)] = timesConjugate(z[place(thread + 640u)], spectrum[(channel * 1u + row) * 1024u + thread + 640u]);
    z[place(thread + 768u)] = timesConjugate(z[place(thread + 768u)], spectrum[(channel * 1u + row) * 1024u + thread + 768u]);
    z[place(thread + 896u)] = timesConjugate(z[place(thread + 896u)], spectrum[(channel * 1u + row) * 1024u + thread + 896u]);
    workgroupBarrier();
    for (var b = thread; b < 512u; b += 128u) {
      let c = b & 0u;
      let rest = b >> 0u;
      let o = rest & ((1u << 0u) - 1u);
      let first = (((rest >> 0u) << (0u + 1u)) + o) * 1u + c;
      let apart = 1u << 0u;
      // The block's w to the offset, as a power of the whole transform's.
      let turn = o << (9u - 0u);
      let a0 = z[place(first)];
      let a1 = timesConjugate(z[place(first + 1u * apart)], twiddles[1u * turn]);
      let s0 = a0 + a1;
      let d0 = a0 - a1;
      z[place(first)] = s0;
      z[place(first + 1u * apart)] = d0;
    }
    workgroupBarrier();
for (var bits = 1u; bits < 10u; bits += 3u) {
    for (var b = thread; b < 128u; b += 128u) {
      let c = b & 0u;
      let rest = b >> 0u;
      let o = rest & ((1u << bits) - 1u);
      let first = (((rest >> bits) << (bits + 3u)) + o) * 1u + c;
      let apart = 1u << bits;
      // The block's w to the offset, as a power of the whole transform's.
      let turn = o << (7u - bits);
      let a0 = z[place(first)];
      let a1 = timesConjugate(z[place(first + 1u * apart)], twiddles[1u * turn]);
      let a2 = timesConjugate(z[place(first + 2u * apart)], twiddles[2u * turn]);
      let a3 = timesConjugate(z[place(first + 3u * apart)], twiddles[3u * turn]);
      let a4 = timesConjugate(z[place(first + 4u * apart)], twiddles[4u * turn]);
      let a5 = timesConjugate(z[place(first + 5u * apart)], twiddles[5u * turn]);
      let a6 = timesConjugate(z[place(first + 6u * apart)], twiddles[6u * turn]);
      let a7 = timesConjugate(z[place(first + 7u * apart)], twiddles[7u * turn]);
      let s0 = a0 + a4;
      let d0 = a0 - a4;
      let s1 = a1 + a5;
      let d1 = times(a1 - a5, vec2<f32>(f32(0.7071067690849304), f32(0.7071067690849304)));
      let s2 = a2 + a6;
      let r2 = a2 - a6;
      let d2 = vec2<f32>(-r2.y, r2.x);
      let s3 = a3 + a7;
      let d3 = times(a3 - a7, vec2<f32>(f32(-0.7071067690849304), f32(0.7071067690849304)));
      let se0 = s0 + s2;
      let de0 = s0 - s2;
      let se1 = s1 + s3;
      let re1 = s1 - s3;
      let de1 = vec2<f32>(-re1.y, re1.x);
      let see0 = se0 + se1;
      let dee0 = se0 - se1;
      let seo0 = de0 + de1;
      let deo0 = de0 - de1;
      let so0 = d0 + d2;
      let do0 = d0 - d2;
      let so1 = d1 + d3;
      let ro1 = d1 - d3;
      let do1 = vec2<f32>(-ro1.y, ro1.x);
      let soe0 = so0 + so1;
      let doe0 = so0 - so1;
      let soo0 = do0 + do1;
      let doo0 = do0 - do1;
      z[place(first)] = see0;
      z[place(first + 1u * apart)] = soe0;
      z[place(first + 2u * apart)] = seo0;
      z[place(first + 3u * apart)] = soo0;
      z[place(first + 4u * apart)] = dee0;
      z[place(first + 5u * apart)] = doe0;
      z[place(first + 6u * apart)] = deo0;
      z[place(first + 7u * apart)] = doo0;
    }
    workgroupBarrier();
    }
    for (var i = thread; i < 1024u; i += 128u) { store_du(pair, i, z[place(i)]); }
  }
  workgroupBarrier();
  z[place(thread + 0u)] = sum0 * 0.0009765625;
    z[place(thread + 128u)] = sum1 * 0.0009765625;
    z[place(thread + 256u)] = sum2 * 0.0009765625;
    z[place(thread + 384u)] = sum3 * 0.0009765625;
    z[place(thread + 512u)] = sum4 * 0.0009765625;
    z[place(thread + 640u)] = sum5 * 0.0009765625;
    z[place(thread + 768u)] = sum6 * 0.0009765625;
    z[place(thread + 896u)] = sum7 * 0.0009765625;
  workgroupBarrier();
  for (var b = thread; b < 512u; b += 128u) {
      let c = b & 0u;
      let rest = b >> 0u;
      let o = rest & ((1u << 0u) - 1u);
      let first = (((rest >> 0u) << (0u + 1u)) + o) * 1u + c;
      let apart = 1u << 0u;
      // The block's w to the offset, as a power of the whole transform's.
      let turn = o << (9u - 0u);
      let a0 = z[place(first)];
      let a1 = timesConjugate(z[place(first + 1u * apart)], twiddles[1u * turn]);
      let s0 = a0 + a1;
      let d0 = a0 - a1;
      z[place(first)] = s0;
      z[place(first + 1u * apart)] = d0;
    }
    workgroupBarrier();
for (var bits = 1u; bits < 10u; bits += 3u) {
    for (var b = thread; b < 128u; b += 128u) {
      let c = b & 0u;
      let rest = b >> 0u;
      let o = rest & ((1u << bits) - 1u);
      let first = (((rest >> bits) << (bits + 3u)) + o) * 1u + c;
      let apart = 1u << bits;
      // The block's w to the offset, as a power of the whole transform's.
      let turn = o << (7u - bits);
      let a0 = z[place(first)];
      let a1 = timesConjugate(z[place(first + 1u * apart)], twiddles[1u * turn]);
      let a2 = timesConjugate(z[place(first + 2u * apart)], twiddles[2u * turn]);
      let a3 = timesConjugate(z[place(first + 3u * apart)], twiddles[3u * turn]);
      let a4 = timesConjugate(z[place(first + 4u * apart)], twiddles[4u * turn]);
      let a5 = timesConjugate(z[place(first + 5u * apart)], twiddles[5u * turn]);
      let a6 = timesConjugate(z[place(first + 6u * apart)], twiddles[6u * turn]);
      let a7 = timesConjugate(z[place(first + 7u * apart)], twiddles[7u * turn]);
      let s0 = a0 + a4;
      let d0 = a0 - a4;
      let s1 = a1 + a5;
      let d1 = times(a1 - a5, vec2<f32>(f32(0.7071067690849304), f32(0.7071067690849304)));
      let s2 = a2 + a6;
      let r2 = a2 - a6;
      let d2 = vec2<f32>(-r2.y, r2.x);
      let s3 = a3 + a7;
      let d3 = times(a3 - a7, vec2<f32>(f32(-0.7071067690849304), f32(0.7071067690849304)));
      let se0 = s0 + s2;
      let de0 = s0 - s2;
      let se1 = s1 + s3;
      let re1 = s1 - s3;
      let de1 = vec2<f32>(-re1.y, re1.x);
      let see0 = se0 + se1;
      let dee0 = se0 - se1;
      let seo0 = de0 + de1;
      let deo0 = de0 - de1;
      let so0 = d0 + d2;
      let do0 = d0 - d2;
      let so1 = d1 + d3;
      let ro1 = d1 - d3;
      let do1 = vec2<f32>(-ro1.y, ro1.x);
      let soe0 = so0 + so1;
      let doe0 = so0 - so1;
      let soo0 = do0 + do1;
      let doo0 = do0 - do1;
      z[place(first)] = see0;
      z[place(first + 1u * apart)] = soe0;
      z[place(first + 2u * apart)] = seo0;
      z[place(first + 3u * apart)] = soo0;
      z[place(first + 4u * apart)] = dee0;
      z[place(first + 5u * apart)] = doe0;
      z[place(first + 6u * apart)] = deo0;
      z[place(first + 7u * apart)] = doo0;
    }
    workgroupBarrier();
    }
  for (var i = thread; i < 1024u; i += 128u) { sums[((channel * 3u + number % 3u) * 1u + row) * 1024u + i] = z[place(i)]; }
}

// gradient of the convolution's kernel: 15 × 1 × 1 workgroups
// reads sums: array<vec2<f32>> = workspace 24576 … 98304
// writes dKernel: array<f32> = output 1
// writes dSkip: array<f32> = output 2
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let i = (workgroup.y * grid.x + workgroup.x) * 64u + thread;
  if (i >= 900u) { return; }
  let channel = i / 300u;
  let lag = i % 300u;
  var sum = 0.0;
  for (var part = 0u; part < 3u; part++) { sum += sums[(channel * 3u + part) * 1024u + lag].x; }
  dKernel[i] = sum;
  if (lag == 0u) { dSkip[channel] = sum; }
}
