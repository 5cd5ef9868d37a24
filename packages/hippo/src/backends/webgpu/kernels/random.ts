// randomUniform and randomNormal: Philox4x32-10 (Salmon et al., SC 2011), uniform numbers the same bits as tensor/philox.ts. A thread
// runs one counter and stores its four numbers at once; what it stores behind the last one nobody reads.
import type { Node } from '../../../graph/value.ts';
import { type RandomAttributes, randomNormalOperation, randomUniformOperation } from '../../../ops/random.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import { rowRanges, threads } from './rows.ts';

export const randomChoosers: Readonly<Record<string, Chooser>> = {
  [randomUniformOperation.name]: (node, traits) => randomChoice(node, traits, uniformText),
  [randomNormalOperation.name]: (node, traits) => randomChoice(node, traits, normalText),
};

/** The upper 24 bits times 2⁻²⁴. */
const uniformText = 'vec4<f32>(words >> vec4<u32>(8u)) * 5.9604644775390625e-8';
/** Box and Muller on the pairs of words. */
const normalText = 'vec4<f32>(normals(words.x, words.y), normals(words.z, words.w))';

// The angle is split into quarter turns exactly: 2²² steps each, the nearest quarter leaves −2²¹ … 2²¹ of them.
const normals = `fn normals(a: u32, b: u32) -> vec2<f32> {
  let radius = sqrt(-2.0 * log1(f32((a >> 8u) + 1u) * 5.9604644775390625e-8));
  let steps = i32(b >> 8u);
  let quarter = (steps + 0x200000) >> 22u;
  let rest = f32(steps - (quarter << 22u)) * 3.7450703e-7;
  return radius * vec2<f32>(wave1(rest, quarter + 1), wave1(rest, quarter));
}
`;

const philox = `fn philox(start: vec4<u32>, keys: vec2<u32>) -> vec4<u32> {
  var c = start;
  var k = keys;
  for (var round = 0u; round < 10u; round++) {
    c = vec4<u32>(
      multiplyHigh(0xcd9e8d57u, c.z) ^ c.y ^ k.x, 0xcd9e8d57u * c.z,
      multiplyHigh(0xd2511f53u, c.x) ^ c.w ^ k.y, 0xd2511f53u * c.x);
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}`;

function randomChoice(node: Node, { maxBindingBytes }: DeviceTraits, text: string): KernelChoice {
  // The chooser stands under the names of operations with these attributes.
  const { shape, stream } = node.attributes as RandomAttributes;
  const count = elementCount(shape);
  return {
    dispatches: () =>
      rowRanges(count, 1, maxBindingBytes).map(({ from, rows, bytes }) => {
        const counters = Math.ceil(rows / 4);
        return {
          label: node.operation.name,
          bindings: [
            reads('key', input(0), 'u32'),
            reads('step', input(1), 'i32'),
            writes('y', output(0, bytes), 'vec4<f32>'),
          ],
          code: withMath(`${philox}
${text === normalText ? normals : ''}@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${counters}u) { return; }
  let words = philox(vec4<u32>(i + ${from / 4}u, ${stream}u, bitcast<u32>(step[0]), 0u), vec2<u32>(key[0], key[1]));
  y[i] = ${text};
}`),
          workgroups: gridOf(Math.ceil(counters / threads)),
        };
      }),
  };
}
