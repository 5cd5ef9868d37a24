// A fused elementwise group as one shader: each thread makes four neighbouring elements of all its results where the innermost
// axis allows, else one; one line for each instruction.
// Traffic: every storage is read once (broadcasts and what is read again come from caches) and written once. Inputs whose neighbours
// are neighbours in memory are read 16 bytes a thread, a number for all four once, others (transposed, unaligned) in four reads.
// A group whose storages exceed what a kernel may see runs as several dispatches, each on a box of the space (iteration-boxes.ts).
import type { ElementwiseProgram } from '../../../plan/program.ts';
import { bytesPerElement, type DType } from '../../../tensor/dtype.ts';
import { contiguousStrides, elementCount } from '../../../tensor/shape.ts';
import { type Binding, type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { type ElementwiseExpression, elementwiseExpressions } from './elementwise-expressions.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { type BoundBox, boxesWithin } from './iteration-boxes.ts';
import { mergeAxes, placeText, type StridedView } from './iteration-space.ts';
import { literal } from './literal.ts';
import { withMath } from './math.ts';

const threads = 256;

/** Operations that have an expression. */
export const elementwiseNames: ReadonlySet<string> = new Set(Object.keys(elementwiseExpressions));

type InputView = ElementwiseProgram['inputs'][number];

/** A program on merged axes. */
interface Space extends Omit<ElementwiseProgram, 'inputs' | 'shape'> {
  readonly shape: readonly number[];
  readonly inputs: readonly InputView[];
  /** Where the results lie, each contiguous in the whole space. */
  readonly results: readonly InputView[];
  readonly lanes: 1 | 4;
}

/** The kernel of a fused group. */
export function elementwiseChoice(
  program: ElementwiseProgram,
  { maxBindingBytes }: { readonly maxBindingBytes: number },
): KernelChoice {
  const { shape, views: inputs } = mergeAxes(program.shape, program.inputs);
  const lanes = (shape[shape.length - 1] ?? 1) % 4 === 0 ? 4 : 1;
  const { types } = instructionLines({ ...program, inputs, lanes });
  const results = program.outputs.map(({ register }) => ({
    strides: contiguousStrides(shape),
    offset: 0,
    dtype: types[register] ?? 'f32',
  }));
  const space: Space = { ...program, shape, inputs, results, lanes };
  return {
    dispatches: () =>
      boxesWithin(shape, [...inputs, ...results], maxBindingBytes).map((part) => boxDispatch(space, part)),
  };
}

/** The dispatch for a box: the program on a space of its size, with views of what is bound. */
function boxDispatch(space: Space, { box, windows }: BoundBox): Dispatch {
  const sizes = box.map(([from, to]) => to - from);
  const seen = [...space.inputs, ...space.results].map((view, at) => {
    const { strides, offset, dtype } = view;
    const first = box.reduce((place, [from], axis) => place + from * (strides[axis] ?? 0), offset);
    return { ...view, offset: first - (windows[at]?.from ?? 0) / bytesPerElement(dtype) };
  });
  const { shape, views } = mergeAxes(sizes, seen);
  const inputs = views.slice(0, space.inputs.length);
  const results = views.slice(space.inputs.length);
  const { lanes } = space;
  const bindings: Binding[] = [
    ...inputs.map(({ dtype }, at) => reads(`x${at}`, input(at, windows[at]), typeText(dtype, lanes))),
    ...results.map(({ dtype }, at) =>
      writes(`y${at}`, output(at, windows[inputs.length + at]), typeText(dtype, lanes)),
    ),
  ];
  const groups = elementCount(shape) / lanes;
  const { lines, names } = instructionLines(space);
  const quarters = [...shape.slice(0, -1), (shape[shape.length - 1] ?? 1) / lanes];
  const body = [
    ...inputs.flatMap((view, at) => loadLines(`v${at}`, `x${at}`, view, { shape, lanes })),
    ...lines,
    ...results.map((view, at) => {
      const place = placeText(quarters, lanes === 4 ? quarterOf(view) : view);
      return `y${at}[${place === 'i' ? 'group' : place}] = ${names[space.outputs[at]?.register ?? 0]};`;
    }),
  ];
  const code = withMath(`@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let group = ${workgroupNumber} * ${threads}u + thread;
  if (group >= ${groups}u) { return; }
  let i = group;
${body.map((line) => `  ${line}`).join('\n')}
}`);
  const halves = [...inputs, ...results].some(({ dtype }) => dtype === 'f16');
  return {
    label: 'elementwise',
    bindings,
    code,
    ...(halves && { extensions: ['f16'] as const }),
    workgroups: gridOf(Math.ceil(groups / threads)),
  };
}

/** Letters of expressions. */
const typeLetters: Readonly<Record<string, DType>> = { F: 'f32', I: 'i32', H: 'f16' };

function typeText(dtype: DType, lanes: 1 | 4): string {
  return lanes === 1 ? dtype : `vec4<${dtype}>`;
}

/** Constants and instructions, and names and types of all registers. */
function instructionLines({
  inputs,
  constants,
  instructions,
  lanes,
}: Pick<Space, 'inputs' | 'constants' | 'instructions' | 'lanes'>) {
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
      `let r${at} = ${text.replaceAll(/\b[FIH]\b/g, (letter) => typeText(typeLetters[letter] ?? 'f32', lanes))};`,
    );
  });
  return { lines, names, types };
}

function resultType({ result }: ElementwiseExpression, operands: readonly DType[]): DType {
  return result === 'operand' ? (operands[0] ?? 'f32') : result;
}

/** A view whose innermost stride is 1, in fours. */
function quarterOf({ strides, offset }: StridedView): StridedView {
  return { strides: [...strides.slice(0, -1).map((places) => places / 4), 1], offset: offset / 4 };
}

/** Reads an input for the element, or the four, numbered `i`. */
function loadLines(
  name: string,
  array: string,
  view: InputView,
  { shape, lanes }: Pick<Space, 'shape' | 'lanes'>,
): readonly string[] {
  if (lanes === 1) return [`let ${name} = ${array}[${placeText(shape, view)}];`];
  const { strides, offset, dtype } = view;
  const [outer, stride] = [strides.slice(0, -1), strides[strides.length - 1] ?? 0];
  const groups = [...shape.slice(0, -1), (shape[shape.length - 1] ?? 1) / 4];
  if (stride === 1 && [offset, ...outer].every((places) => places % 4 === 0)) {
    return [`let ${name} = ${array}[${placeText(groups, quarterOf(view))}];`];
  }
  const place = placeText(groups, { strides: [...outer, 4 * stride], offset });
  const number = (at: string): string => `${array}[(${at}) / 4u][(${at}) % 4u]`;
  const type = typeText(dtype, lanes);
  if (stride === 0) return [`let p${name} = ${place};`, `let ${name} = ${type}(${number(`p${name}`)});`];
  const numbers = [0, 1, 2, 3].map((lane) => number(lane === 0 ? `p${name}` : `p${name} + ${(lane * stride) >>> 0}u`));
  return [`let p${name} = ${place};`, `let ${name} = ${type}(${numbers.join(', ')});`];
}
