// Turns a fused group into a straight-line program: which values it reads and how (strides, broadcasting, movements), which
// constants become immediates, which results leave the group.

import type { Node, Value, View } from '../graph/value.ts';
import { filledWith } from '../ops/constant.ts';
import { broadcastStrides } from '../tensor/shape.ts';
import { type Group, spaceOf, storageOf } from './fuse.ts';
import type { ElementwiseInstruction, ElementwiseProgram } from './program.ts';

export interface GroupProgram {
  readonly program: ElementwiseProgram;
  /** Storages read, one for each program input. */
  readonly inputs: readonly Value[];
  /** Values written, one for each program output. */
  readonly outputs: readonly Value[];
}

/** @param isRead whether a value is read outside the group. */
export function groupProgram(group: Group, isRead: (value: Value) => boolean): GroupProgram {
  const [first] = group.nodes;
  const shape = first ? spaceOf(first) : [];
  const members = new Set(group.nodes);
  const inputs: { storage: Value; view: View; key: string }[] = [];
  const constants: number[] = [];
  type Slot = { readonly kind: 'input' | 'constant' | 'instruction'; readonly index: number };
  const slots = new Map<Value, Slot>();

  const load = (value: Value, view: View): Slot => {
    const fill = value.dtype === 'f32' ? filledWith(value) : undefined;
    if (fill !== undefined) {
      const known = constants.findIndex((constant) => Object.is(constant, fill));
      return { kind: 'constant', index: known >= 0 ? known : constants.push(fill) - 1 };
    }
    const storage = storageOf(value);
    const key = `${storage.id} ${view.offset} ${view.strides.join(',')}`;
    const known = inputs.findIndex((input) => input.key === key);
    return { kind: 'input', index: known >= 0 ? known : inputs.push({ storage, view, key }) - 1 };
  };
  const operandSlot = (node: Node, value: Value): Slot => {
    const { view } = node.operation;
    const axes = node.outputs[0]?.shape ?? [];
    const inSpace = ({ offset, strides }: View): View => ({
      offset,
      strides: strides.filter((_, axis) => axes[axis] !== 1),
    });
    if (view) return load(value, inSpace(view.call(node.operation, value.shape, node.attributes)));
    const own = slots.get(memberValue(value, members));
    return own ?? load(value, inSpace({ offset: 0, strides: broadcastStrides(value.shape, axes) }));
  };

  const drafts = group.nodes.map((node, index) => {
    const operands = node.inputs.map((value) => operandSlot(node, value));
    const [result] = node.outputs;
    if (result) slots.set(result, { kind: 'instruction', index });
    return { op: node.operation.view ? 'copy' : node.operation.name, operands };
  });
  const register = ({ kind, index }: Slot): number => {
    if (kind === 'input') return index;
    return kind === 'constant' ? inputs.length + index : inputs.length + constants.length + index;
  };
  const instructions: ElementwiseInstruction[] = drafts.map(({ op, operands }) => ({
    op,
    operands: operands.map(register),
  }));
  const outputs = group.nodes.flatMap((node) => node.outputs.filter(isRead));
  const storages = inputs.map(({ storage }) => storage);
  return {
    program: {
      shape,
      inputs: inputs.map(({ storage, view: { strides, offset } }) => ({
        strides,
        offset,
        dtype: storage.dtype,
        storage: storages.indexOf(storage),
      })),
      constants,
      instructions,
      outputs: outputs.map((value) => ({ register: register(slots.get(value) as Slot) })),
    },
    inputs: storages,
    outputs,
  };
}

/** The group member that an operand is, through aliases that keep the space. */
function memberValue(value: Value, members: ReadonlySet<Node>): Value {
  const storage = storageOf(value);
  return members.has(storage.node) ? storage : value;
}
