// A fused elementwise group as one shader: each thread makes four neighbouring elements of all its results where the innermost
// axis allows, else one; one line for each instruction.
// Traffic: every storage is read once (broadcasts and what is read again come from caches) and written once. Inputs whose neighbours
// are neighbours in memory are read 16 bytes a thread, a number for all four once, others (transposed, unaligned) in four reads.
// A group whose storages exceed what a kernel may see runs as several dispatches, each on a range of the space.
import type { ElementwiseProgram } from '../../../plan/program.ts';
import type { DType } from '../../../tensor/dtype.ts';
import { elementCount } from '../../../tensor/shape.ts';
import { type Binding, type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { type ElementwiseExpression, elementwiseExpressions } from './elementwise-expressions.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { mergeAxes, placeText, reachOf, type StridedView } from './iteration-space.ts';
import { literal } from './literal.ts';
import { withMath } from './math.ts';

const threads = 256;
/** Ranges start at multiples of so many elements, so that their bytes are multiples of 256. */
const rangeStep = 64;

/** Operations that have an expression. */
export const elementwiseNames: ReadonlySet<string> = new Set(Object.keys(elementwiseExpressions));

type InputView = ElementwiseProgram['inputs'][number];

/** A program on merged axes. */
interface Space extends Omit<ElementwiseProgram, 'inputs' | 'shape'> {
  readonly shape: readonly number[];
  readonly inputs: readonly InputView[];
  readonly count: number;
  readonly lanes: 1 | 4;
}

/** The kernel of a fused group. */
export function elementwiseChoice(
  program: ElementwiseProgram,
  { maxBindingBytes }: { readonly maxBindingBytes: number },
): KernelChoice {
  const { shape, views } = mergeAxes(program.shape, program.inputs);
  const innermost = shape[shape.length - 1] ?? 1;
  const count = elementCount(shape);
  const space: Space = { ...program, shape, inputs: views, count, lanes: innermost % 4 === 0 ? 4 : 1 };
  return {
    dispatches: () => rangesOf(space, maxBindingBytes).map((range) => rangeDispatch(space, range, maxBindingBytes)),
  };
}

type Range = readonly [from: number, to: number];

/** Ranges of the space whose parts of every storage fit a binding; as large as powers of two of them can be. */
function rangesOf({ shape, inputs, count }: Space, maxBindingBytes: number): readonly Range[] {
  const fits = (range: Range): boolean =>
    inputs.every((view) => {
      const { from, to } = bytesRead(shape, view, range, maxBindingBytes);
      return to - from <= maxBindingBytes;
    });
  const split = (step: number): Range[] =>
    Array.from({ length: Math.ceil(count / step) }, (_, part) => [part * step, Math.min(count, (part + 1) * step)]);
  let step = count * 4 <= maxBindingBytes ? count : Math.floor(maxBindingBytes / (4 * rangeStep)) * rangeStep;
  while (step >= 2 * rangeStep && !split(step).every(fits)) step = Math.floor(step / (2 * rangeStep)) * rangeStep;
  return split(Math.max(step, Math.min(count, rangeStep)));
}

/** Bytes of an input to be bound: from its beginning, so that all views of one storage are one binding, if that fits. */
function bytesRead(
  shape: readonly number[],
  view: StridedView,
  range: Range,
  maxBindingBytes: number,
): { readonly from: number; readonly to: number } {
  const [low, high] = reachOf(shape, view, range);
  const to = (high + 1) * 4;
  return { from: to <= maxBindingBytes ? 0 : Math.floor((low * 4) / 256) * 256, to };
}

function rangeDispatch(space: Space, range: Range, maxBindingBytes: number): Dispatch {
  const { shape, inputs, outputs, lanes } = space;
  const [from, to] = range;
  const { lines, types } = instructionLines(space);
  const read = inputs.map((view) => bytesRead(shape, view, range, maxBindingBytes));
  const written = { from: from * 4, to: to * 4 };
  const bindings: Binding[] = [
    ...inputs.map(({ dtype }, at) => reads(`x${at}`, input(at, read[at]), typeText(dtype, lanes))),
    ...outputs.map(({ register }, at) =>
      writes(`y${at}`, output(at, written), typeText(types[register] ?? 'f32', lanes)),
    ),
  ];
  const groups = (to - from) / lanes;
  const loads = inputs.flatMap((view, at) =>
    loadLines(`v${at}`, `x${at}`, { ...view, offset: view.offset - (read[at]?.from ?? 0) / 4 }, space),
  );
  const first = from === 0 ? 'group' : `group + ${from / lanes}u`;
  const code = withMath(`@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let group = ${workgroupNumber} * ${threads}u + thread;
  if (group >= ${groups}u) { return; }
  let i = ${first};
${[...loads, ...lines].map((line) => `  ${line}`).join('\n')}
}`);
  return { label: 'elementwise', bindings, code, workgroups: gridOf(Math.ceil(groups / threads)) };
}

function typeText(dtype: DType, lanes: 1 | 4): string {
  return lanes === 1 ? dtype : `vec4<${dtype}>`;
}

/** Constants, instructions and stores, and the types of all registers. */
function instructionLines({ inputs, constants, instructions, outputs, lanes }: Space) {
  const types: DType[] = [...inputs.map(({ dtype }) => dtype), ...constants.map(() => 'f32' as const)];
  const names = [...inputs.map((_, at) => `v${at}`), ...constants.map((_, at) => `c${at}`)];
  // Named by `let`: what is written as numbers, compilers evaluate, and refuse where it comes to no number.
  const lines = constants.map((value, at) => `let c${at} = ${typeText('f32', lanes)}(${literal(value)});`);
  instructions.forEach(({ op, operands }, at) => {
    const expression = elementwiseExpressions[op];
    if (!expression) throw new Error(`elementwise: no expression for ${op}`);
    const words = operands.map((register) => names[register] ?? '');
    const operandTypes = operands.map((register) => types[register] ?? 'f32');
    types.push(resultType(expression, operandTypes));
    names.push(`r${at}`);
    const text = expression.text(...words).replaceAll('#', String(lanes));
    lines.push(
      `let r${at} = ${text.replaceAll(/\b[FI]\b/g, (letter) => typeText(letter === 'F' ? 'f32' : 'i32', lanes))};`,
    );
  });
  lines.push(...outputs.map(({ register }, at) => `y${at}[group] = ${names[register]};`));
  return { lines, types };
}

function resultType({ result }: ElementwiseExpression, operands: readonly DType[]): DType {
  return result === 'operand' ? (operands[0] ?? 'f32') : result;
}

/** Reads an input for the element, or the four, numbered `i`. */
function loadLines(name: string, array: string, view: InputView, { shape, lanes }: Space): readonly string[] {
  if (lanes === 1) return [`let ${name} = ${array}[${placeText(shape, view)}];`];
  const { strides, offset, dtype } = view;
  const [outer, stride] = [strides.slice(0, -1), strides[strides.length - 1] ?? 0];
  const groups = [...shape.slice(0, -1), (shape[shape.length - 1] ?? 1) / 4];
  if (stride === 1 && [offset, ...outer].every((places) => places % 4 === 0)) {
    const quarters = { strides: [...outer.map((places) => places / 4), 1], offset: offset / 4 };
    return [`let ${name} = ${array}[${placeText(groups, quarters)}];`];
  }
  const place = placeText(groups, { strides: [...outer, 4 * stride], offset });
  const number = (at: string): string => `${array}[(${at}) / 4u][(${at}) % 4u]`;
  const type = typeText(dtype, lanes);
  if (stride === 0) return [`let p${name} = ${place};`, `let ${name} = ${type}(${number(`p${name}`)});`];
  const numbers = [0, 1, 2, 3].map((lane) => number(lane === 0 ? `p${name}` : `p${name} + ${(lane * stride) >>> 0}u`));
  return [`let p${name} = ${place};`, `let ${name} = ${type}(${numbers.join(', ')});`];
}
