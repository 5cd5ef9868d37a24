// sampleTokens: a token for each row of scores, drawn on the device; one workgroup a row, so that a row needs one dispatch and what the
// rows beside it are does not matter. The cuts are bounds on keys (bits of numbers in the order of the numbers), found two bits at a
// time from the top by the mass that three candidates leave: 16 passes over the row for top-k and 16 for top-p. Sums are made in a
// fixed order in f32, the host's are f64: the same random number gives the host's token unless it lies within some 1e-6 of a border
// between two tokens. Of the random number 48 bits count.
// Traffic: the row once from memory, its passes from the first cache; 50,000 scores are 200 KB. Exponentials are made once for the
// weights, which wait in the workspace.
import type { Node } from '../../../graph/value.ts';
import { type SampleTokensAttributes, takesHighest } from '../../../ops/sample-tokens.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { alignRange, input, type KernelChoice, output, reads, workspace, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { literal } from './literal.ts';
import { mathFunctions } from './math.ts';

/** Threads whose sums are added one by one. */
const groupThreads = 32;

export type SampleTokensSizes = SampleTokensAttributes & { readonly rows: number; readonly columns: number };

export const samplingChoosers: Readonly<Record<string, Chooser>> = {
  sampleTokens: (node, traits) => sampleTokensChoice(sizesOf(node), traits),
};

function sizesOf({ inputs, attributes }: Node): SampleTokensSizes {
  const [rows = 0, columns = 0] = inputs[0]?.shape ?? [];
  return { rows, columns, ...(attributes as SampleTokensAttributes) }; // the operation's own
}

export function sampleTokensChoice(sizes: SampleTokensSizes, traits: DeviceTraits): KernelChoice {
  const { rows, classes } = sizes;
  const greedy = takesHighest(sizes);
  const threads = threadsFor(classes, traits);
  const bytes = greedy ? 0 : alignRange(4 * rows * classes);
  return {
    workspaceBytes: bytes,
    reason: greedy ? 'the highest score' : cutsOf(sizes),
    dispatches: () => [
      {
        label: 'sampleTokens',
        bindings: [
          reads('scores', input(0), 'u32'),
          ...(greedy ? [] : [reads('random', input(1), 'u32'), writes('weights', workspace(0, bytes))]),
          writes('token', output(0), 'i32'),
          writes('logProbability', output(1)),
        ],
        code: greedy ? greedyCode(sizes, threads) : drawCode(sizes, threads),
        workgroups: gridOf(rows),
      },
    ],
  };
}

/** Some eight elements or more for each thread; the sums of 1024 take 24 KiB of workgroup memory. */
function threadsFor(classes: number, { maxThreads, maxWorkgroupBytes }: DeviceTraits): number {
  if (classes > 8192 && maxThreads >= 1024 && maxWorkgroupBytes >= 32_768) return 1024;
  return classes > 512 ? 256 : 64;
}

/** The cuts in words. */
function cutsOf({ classes, temperature, topK, topP, minP }: SampleTokensSizes): string {
  const cuts = [topK < classes && `top-k ${topK}`, topP < 1 && `top-p ${topP}`, minP > 0 && `min-p ${minP}`];
  return [`temperature ${temperature}`, ...cuts.filter((cut) => cut !== false)].join(', ');
}

/** Sums and maxima over the workgroup; every thread gets the result. */
function reductions(threads: number): string {
  const halves = (step: string) => `for (var half = ${threads / 2}u; half > 0u; half >>= 1u) {
    if (thread < half) { ${step} }
    workgroupBarrier();
  }`;
  return `var<workgroup> sums: array<vec4<f32>, ${threads}>;
var<workgroup> tops: array<vec2<u32>, ${threads}>;
fn total(thread: u32, own: vec4<f32>) -> vec4<f32> {
  sums[thread] = own;
  workgroupBarrier();
  ${halves('sums[thread] += sums[thread + half];')}
  return workgroupUniformLoad(&sums[0]);
}
// The larger key; of equal ones the lower id.
fn highest(thread: u32, own: vec2<u32>) -> vec2<u32> {
  tops[thread] = own;
  workgroupBarrier();
  ${halves(`let a = tops[thread];
      let b = tops[thread + half];
      if (b.x > a.x || (b.x == a.x && b.y < a.y)) { tops[thread] = b; }`)}
  return workgroupUniformLoad(&tops[0]);
}
// Integers in the order of the scores: −0 is 0, NaN lies above +∞.
fn keyOf(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  return select(bits | 0x80000000u, ~bits, bits > 0x80000000u);
}`;
}

/** WGSL: begins `main`; afterwards `top` has key and id of the highest score, and `greatest` is this score. */
function beginning({ rows, columns, classes }: SampleTokensSizes, threads: number): string {
  return `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
let row = ${workgroupNumber};
if (row >= ${rows}u) { return; }
let base = row * ${columns}u;
var best = vec2<u32>(0u, 0xffffffffu);
for (var i = thread; i < ${classes}u; i += ${threads}u) {
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
for (var i = thread; i < ${classes}u; i += ${threads}u) {
  own.x += expNegative1(bitcast<f32>(scores[base + i]) - greatest);
}
let logTotal = log1(total(thread, own).x);`;
}

const ending = `if (thread == 0u) {
  token[row] = i32(chosen);
  logProbability[row] = bitcast<f32>(scores[base + chosen]) - greatest - logTotal;
}
}`;

function greedyCode(sizes: SampleTokensSizes, threads: number): string {
  return `${mathFunctions(['expNegative1', 'log1', 'nonFinite'])}
${reductions(threads)}
${beginning(sizes, threads)}
let chosen = top.y;
${ending}`;
}

interface Search {
  readonly name: string;
  /** WGSL: key and mass of element i. */
  readonly key: string;
  readonly mass: string;
  /** WGSL: the mass of each element whose key is `bound`. */
  readonly tieMass: string;
}

/**
 * WGSL: a function that finds what is left by a cut: the fewest elements, from the largest key down and of equal keys from the lowest
 * id up, whose masses reach `goal`. They are those with a key above `bound`, and those with this key and an id up to `last`.
 */
function searchFunction({ classes }: SampleTokensSizes, threads: number, { name, key, mass, tieMass }: Search): string {
  const pass = (term: string) => `var own = vec4<f32>();
    for (var i = thread; i < ${classes}u; i += ${threads}u) {
      let key = ${key};
      own += ${term};
    }
    let found = total(thread, own);`;
  const digits = (count: number, condition: string, chosen: (index: number) => string, term: string, bound: string) =>
    `for (var digit = ${count}u; digit > 0u; digit--) {
    let step = 1u << (2u * (digit - 1u));
    let tried = vec4<u32>(${bound}) + vec4<u32>(1u, 2u, 3u, 0u) * step;
    ${pass(`select(vec4<f32>(), vec4<f32>(${term}), ${condition})`)}
    ${bound} = select(select(select(${bound}, tried.x, ${chosen(0)}), tried.y, ${chosen(1)}), tried.z, ${chosen(2)});
  }`;
  const idDigits = Math.max(1, Math.ceil(Math.log2(classes) / 2));
  return `fn ${name}(thread: u32, row: u32, base: u32, goal: f32) -> vec2<u32> {
  var bound = 0u;
  ${digits(16, 'vec4<u32>(key) >= tried', (i) => `found[${i}] >= goal`, mass, 'bound')}
  var ties = 0.0;
  var needed = 0.0;
  {
    ${pass(`select(vec4<f32>(), vec4<f32>(${mass}, 1.0, 0.0, 0.0), vec4<bool>(key > bound, key == bound, false, false))`)}
    ties = found.y;
    needed = ceil((goal - found.x) / ${tieMass});
  }
  if (ties <= needed) { return vec2<u32>(bound, ${classes}u); }
  // The id of the tie that fills the cut: the largest below which there are too few.
  var last = 0u;
  ${digits(idDigits, '(vec4<u32>(i) < tried) & vec4<bool>(key == bound)', (i) => `found[${i}] < needed`, '1.0', 'last')}
  return vec2<u32>(bound, last);
}`;
}

function drawCode(sizes: SampleTokensSizes, threads: number): string {
  const { classes, temperature, topK, topP, minP } = sizes;
  const byCount = topK < classes;
  const byMass = topP < 1;
  const score = 'keyOf(scores[base + i])';
  const weight = `bitcast<u32>(weights[row * ${classes}u + i])`;
  const searches = [
    ...(byCount ? [{ name: 'countRim', key: score, mass: '1.0', tieMass: '1.0' }] : []),
    ...(byMass ? [{ name: 'massRim', key: weight, mass: 'bitcast<f32>(key)', tieMass: 'bitcast<f32>(bound)' }] : []),
  ];
  const kept = (rim: string, key: string) => `(${key} > ${rim}.x || (${key} == ${rim}.x && i <= ${rim}.y))`;
  const groups = threads / groupThreads;
  const block = Math.ceil(classes / groups);
  const conditions = [
    ...(byMass ? [kept('mostLikely', 'bitcast<u32>(weight)')] : []),
    ...(minP > 0 ? [`weight >= ${literal(minP)}`] : []),
  ];
  return `${mathFunctions(['expNegative1', 'log1', 'nonFinite'])}
${reductions(threads)}
${searches.map((search) => searchFunction(sizes, threads, search)).join('\n')}
${choiceFunctions(threads)}
${beginning(sizes, threads)}
${byCount ? `let mostHigh = countRim(thread, row, base, ${literal(topK)});` : ''}
own = vec4<f32>();
for (var i = thread; i < ${classes}u; i += ${threads}u) {
  let bits = scores[base + i];
  var weight = expNegative1((bitcast<f32>(bits) - greatest) / ${literal(temperature)});
  ${byCount ? `if (!${kept('mostHigh', 'keyOf(bits)')}) { weight = 0.0; }` : ''}
  weights[row * ${classes}u + i] = weight;
  own.x += weight;
}
${byMass ? `let mostLikely = massRim(thread, row, base, total(thread, own).x * ${literal(topP)});` : ''}
storageBarrier();
workgroupBarrier();
// Blocks of ids, one for each group of threads.
let group = thread / ${groupThreads}u;
var sum = 0.0;
for (var i = group * ${block}u + thread % ${groupThreads}u; i < min((group + 1u) * ${block}u, ${classes}u); i += ${groupThreads}u) {
  let weight = weights[row * ${classes}u + i];
  ${conditions.length > 0 ? `if (!(${conditions.join(' && ')})) {\n    weights[row * ${classes}u + i] = 0.0;\n    continue;\n  }` : ''}
  sum += weight;
}
addGroups(thread, sum);
storageBarrier();
var whole = 0.0;
for (var g = 0u; g < ${groups}u; g++) { whole += parts[${threads}u + g]; }
let high = random[2u * row];
let low = random[2u * row + 1u];
rest = whole * (f32(high >> 8u) * ${literal(2 ** -24)});
rim = whole * (f32(((high & 255u) << 16u) | (low >> 16u)) * ${literal(2 ** -48)});
let chosenBlock = choose(${threads}u, ${groups}u);
workgroupBarrier();
// The block's ids in runs, one for each thread.
let begin = chosenBlock * ${block}u;
let end = min(begin + ${block}u, ${classes}u);
let run = ${Math.ceil(block / threads)}u;
sum = 0.0;
for (var i = begin + thread * run; i < min(begin + (thread + 1u) * run, end); i++) { sum += weights[row * ${classes}u + i]; }
addGroups(thread, sum);
let chosenGroup = choose(${threads}u, ${groups}u);
let chosenRun = chosenGroup * ${groupThreads}u + choose(chosenGroup * ${groupThreads}u, ${groupThreads}u);
var chosen = top.y;
for (var i = begin + chosenRun * run; i < min(begin + (chosenRun + 1u) * run, end); i++) {
  let weight = weights[row * ${classes}u + i];
  if (weight > 0.0) { chosen = i; }
  if (rest + rim < weight) { break; }
  rest -= weight;
}
${ending}`;
}

/** The threads' sums and, behind them, those of groups; and the walk along such sums to the one that the random number falls in. */
function choiceFunctions(threads: number): string {
  const groups = threads / groupThreads;
  return `var<workgroup> parts: array<f32, ${threads + groups}>;
fn addGroups(thread: u32, own: f32) {
  parts[thread] = own;
  workgroupBarrier();
  if (thread < ${groups}u) {
    var sum = 0.0;
    for (var i = 0u; i < ${groupThreads}u; i++) { sum += parts[thread * ${groupThreads}u + i]; }
    parts[${threads}u + thread] = sum;
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
}`;
}
