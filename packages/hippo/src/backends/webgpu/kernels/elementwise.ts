// A fused elementwise group as one shader: each thread makes one element of all its results, one line for each instruction.
// Traffic: every storage is read once (broadcasts from caches) and written once.
import type { ElementwiseProgram } from '../../../plan/program.ts';
import type { DType } from '../../../tensor/dtype.ts';
import { contiguousStrides, elementCount } from '../../../tensor/shape.ts';
import { type Binding, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { type ElementwiseExpression, elementwiseExpressions } from './elementwise-expressions.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { literal } from './literal.ts';
import { mathFunctions } from './math.ts';

const threads = 256;

/** Operations that have an expression. */
export const elementwiseNames: ReadonlySet<string> = new Set(Object.keys(elementwiseExpressions));

/** The kernel of a fused group. */
export function elementwiseChoice(program: ElementwiseProgram): KernelChoice {
  return { dispatches: () => [{ label: 'elementwise', ...shader(program) }] };
}

function shader({ shape, inputs, constants, instructions, outputs }: ElementwiseProgram) {
  const count = elementCount(shape);
  const types: DType[] = [...inputs.map(({ dtype }) => dtype), ...constants.map(() => 'f32' as const)];
  const names = [...inputs.map((_, i) => `v${i}`), ...constants.map((value) => literal(value))];
  const used = new Set<string>(constants.every(Number.isFinite) ? [] : ['nonFinite']);
  const lines = inputs.map(({ strides, offset }, i) => `  let v${i} = x${i}[${indexOf(shape, strides, offset)}];`);
  instructions.forEach(({ op, operands }, at) => {
    const expression = elementwiseExpressions[op];
    if (!expression) throw new Error(`elementwise: no expression for ${op}`);
    const words = operands.map((register) => names[register] ?? '');
    types.push(
      resultType(
        expression,
        operands.map((register) => types[register] ?? 'f32'),
      ),
    );
    for (const name of expression.functions ?? []) used.add(name);
    lines.push(`  let r${at} = ${expression.text(...words)};`);
    names.push(`r${at}`);
  });
  outputs.forEach(({ register }, i) => {
    lines.push(`  y${i}[i] = ${names[register]};`);
  });
  const bindings: Binding[] = [
    ...inputs.map(({ dtype }, i) => reads(`x${i}`, input(i), dtype)),
    ...outputs.map(({ register }, i) => writes(`y${i}`, output(i), types[register] ?? 'f32')),
  ];
  const code = `${mathFunctions(used)}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${count}u) { return; }
${lines.join('\n')}
}`;
  return { bindings, code, workgroups: gridOf(Math.ceil(count / threads)) };
}

function resultType({ result }: ElementwiseExpression, operands: readonly DType[]): DType {
  return result === 'operand' ? (operands[0] ?? 'f32') : result;
}

/** WGSL: where element i of the space lies in an input that is read with these strides. */
function indexOf(shape: readonly number[], strides: readonly number[], offset: number): string {
  const own = contiguousStrides(shape);
  if (offset === 0 && strides.every((stride, axis) => shape[axis] === 1 || stride === own[axis])) return 'i';
  const terms = strides.flatMap((stride, axis) => {
    const [size = 1, step = 1] = [shape[axis], own[axis]];
    if (size === 1 || stride === 0) return [];
    const position = step === 1 ? 'i' : `i / ${step}u`;
    const outermost = shape.slice(0, axis).every((outer) => outer === 1);
    const wrapped = outermost ? `(${position})` : `((${position}) % ${size}u)`;
    // A view may run backwards; unsigned arithmetic wraps and comes out right.
    return [stride === 1 ? wrapped : `${wrapped} * ${stride >>> 0}u`];
  });
  return [...(offset === 0 && terms.length > 0 ? [] : [`${offset}u`]), ...terms].join(' + ');
}
