// Unpickles the data.pkl of a PyTorch archive: Python's stack machine (pickletools.py of CPython describes each opcode), protocols 2
// to 5, only the opcodes that torch.save needs. It builds plain data and can run no code: a global is looked up in a fixed list,
// whatever is not on it is refused by name, and "calling" is a function of that list.
import { ByteCursor } from './byte-cursor.ts';
import {
  describe,
  isTuple,
  PickleDict,
  PickleGlobal,
  type PickleKey,
  PickleList,
  type PickleTuple,
  type PickleValue,
} from './pickle-values.ts';
import { refuse, saveWeightsOnly } from './refusal.ts';

/** What a pickle may refer to outside itself. */
export interface PickleWorld {
  /** For error sentences. */
  readonly file: string;
  /** @returns undefined for whatever is not on the list. */
  findGlobal(module: string, name: string): PickleGlobal | undefined;
  /** The object that the pickle names instead of holding it. */
  findPersistent(id: PickleValue): PickleValue;
}

export const mostOpcodes = 1_000_000;

/**
 * The value that a pickle describes.
 * @throws CheckpointError `pickle-global` for a name that is not on the list, `pickle-opcode`, `pickle-protocol`, `pickle-end`,
 * `pickle-size`, `pickle-stack`, `pickle-memo`, `pickle-type`, `pickle-key`, `pickle-text` for the rules of the format.
 */
export function unpickle(bytes: Uint8Array, world: PickleWorld): PickleValue {
  const machine = new PickleMachine(bytes, world);
  const { cursor } = machine;
  if (cursor.uint8() !== 0x80)
    refuse(world.file, 'pickle-protocol', 'data.pkl must begin with its protocol, as since protocol 2.');
  protocol(machine);
  for (let count = 0; count < mostOpcodes; count++) {
    const at = cursor.at;
    const opcode = cursor.uint8();
    if (opcode === stop) return machine.finish();
    const run = opcodes.get(opcode);
    if (!run)
      return refuse(
        world.file,
        'pickle-opcode',
        `data.pkl must keep to the opcodes that torch.save needs; got 0x${opcode.toString(16).padStart(2, '0')} at byte ${at}.`,
      );
    run(machine);
  }
  return refuse(world.file, 'pickle-size', `data.pkl may have ${mostOpcodes} opcodes; it goes on.`, saveWeightsOnly);
}

class PickleMachine {
  readonly cursor: ByteCursor;
  readonly world: PickleWorld;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack where a MARK stands. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array, world: PickleWorld) {
    this.cursor = new ByteCursor(bytes, world.file);
    this.world = world;
  }

  fail(code: string, rule: string): never {
    return refuse(this.world.file, code, `byte ${this.cursor.at} of data.pkl: ${rule}`);
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  pop(): PickleValue {
    const top = this.top();
    this.#stack.pop();
    return top;
  }

  top(): PickleValue {
    const top = this.#stack.length > (this.#marks.at(-1) ?? 0) ? this.#stack.at(-1) : undefined;
    return top === undefined ? this.fail('pickle-stack', 'an opcode needs a value on the stack; got none.') : top;
  }

  popMany(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  popToMark(): PickleValue[] {
    const height = this.#marks.pop();
    if (height === undefined) return this.fail('pickle-stack', 'an opcode needs a MARK on the stack; got none.');
    return this.#stack.splice(height);
  }

  remember(index: number): void {
    this.#memo.set(index, this.top());
  }

  rememberNext(): void {
    this.remember(this.#memo.size);
  }

  recall(index: number): PickleValue {
    const value = this.#memo.get(index);
    return value === undefined ? this.fail('pickle-memo', `value ${index} must have been remembered before.`) : value;
  }

  finish(): PickleValue {
    const result = this.pop();
    if (this.#stack.length > 0 || this.#marks.length > 0 || this.cursor.left > 0)
      this.fail('pickle-end', 'a pickle must end with one value on the stack and no bytes after it.');
    return result;
  }
}

type Opcode = (machine: PickleMachine) => void;

const stop = 0x2e;

const opcodes: ReadonlyMap<number, Opcode> = new Map<number, Opcode>([
  [0x80, protocol],
  [0x95, frame],
  [0x4e, (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  [0x4b, (m) => m.push(m.cursor.uint8())], // BININT1
  [0x4d, (m) => m.push(m.cursor.uint16())], // BININT2
  [0x4a, (m) => m.push(m.cursor.int32())], // BININT
  [0x8a, (m) => m.push(m.cursor.integer(m.cursor.uint8()))], // LONG1
  [0x47, (m) => m.push(m.cursor.float64())], // BINFLOAT
  [0x58, (m) => m.push(m.cursor.text(m.cursor.uint32()))], // BINUNICODE
  [0x8c, (m) => m.push(m.cursor.text(m.cursor.uint8()))], // SHORT_BINUNICODE
  [0x42, (m) => m.push(m.cursor.bytes(m.cursor.uint32()))], // BINBYTES
  [0x43, (m) => m.push(m.cursor.bytes(m.cursor.uint8()))], // SHORT_BINBYTES
  [0x28, (m) => m.mark()],
  [0x29, (m) => m.push([])], // EMPTY_TUPLE
  [0x85, (m) => m.push(m.popMany(1))], // TUPLE1
  [0x86, (m) => m.push(m.popMany(2))], // TUPLE2
  [0x87, (m) => m.push(m.popMany(3))], // TUPLE3
  [0x74, (m) => m.push(m.popToMark())], // TUPLE
  [0x5d, (m) => m.push(new PickleList())], // EMPTY_LIST
  [0x61, (m) => append(m, [m.pop()])], // APPEND
  [0x65, (m) => append(m, m.popToMark())], // APPENDS
  [0x7d, (m) => m.push(new PickleDict())], // EMPTY_DICT
  [0x73, (m) => setItems(m, m.popMany(2))], // SETITEM
  [0x75, (m) => setItems(m, m.popToMark())], // SETITEMS
  [0x71, (m) => m.remember(m.cursor.uint8())], // BINPUT
  [0x72, (m) => m.remember(m.cursor.uint32())], // LONG_BINPUT
  [0x94, (m) => m.rememberNext()], // MEMOIZE
  [0x68, (m) => m.push(m.recall(m.cursor.uint8()))], // BINGET
  [0x6a, (m) => m.push(m.recall(m.cursor.uint32()))], // LONG_BINGET
  [0x63, (m) => pushGlobal(m, m.cursor.line(), m.cursor.line())], // GLOBAL
  [0x93, stackGlobal],
  [0x51, (m) => m.push(m.world.findPersistent(m.pop()))], // BINPERSID
  [0x52, reduce],
  [0x81, newObject],
  [0x62, build],
]);

function protocol(machine: PickleMachine): void {
  const version = machine.cursor.uint8();
  if (version < 2 || version > 5) machine.fail('pickle-protocol', `the protocol must be 2 to 5; got ${version}.`);
}

/** Frames tell readers how far to read ahead; everything has been read. */
function frame({ cursor, world }: PickleMachine): void {
  const length = cursor.uint64();
  if (length > cursor.left)
    refuse(world.file, 'pickle-end', `a frame of ${length} bytes must fit data.pkl; ${cursor.left} bytes are left.`);
}

function append(machine: PickleMachine, values: readonly PickleValue[]): void {
  const list = machine.top();
  if (!(list instanceof PickleList))
    machine.fail('pickle-type', `values can be appended to a list; got ${describe(list)}.`);
  for (const value of values) list.items.push(value);
}

function isKey(value: PickleValue | undefined): value is PickleKey {
  return value === null || (value !== undefined && typeof value !== 'object');
}

/** Keys and values in turn. Python keeps the last of two values of a key, which would hide the first: refused. */
function setItems(machine: PickleMachine, values: readonly PickleValue[]): void {
  const dict = machine.top();
  if (!(dict instanceof PickleDict) || dict.isNamespace)
    machine.fail('pickle-type', `items can be set in a dict; got ${describe(dict)}.`);
  const { entries } = dict;
  for (let i = 0; i < values.length; i += 2) {
    const [key, value] = [values[i], values[i + 1]];
    if (!isKey(key)) machine.fail('pickle-key', `a key must be a text, a number or None; got ${describe(key)}.`);
    if (value === undefined) machine.fail('pickle-stack', `key ${describe(key)} must have a value; got none.`);
    if (entries.has(key)) machine.fail('pickle-key', `key ${describe(key)} may stand in a dict once.`);
    entries.set(key, value);
  }
}

function pushGlobal(machine: PickleMachine, module: string, name: string): void {
  const { file } = machine.world;
  const found = machine.world.findGlobal(module, name);
  if (!found)
    refuse(
      file,
      'pickle-global',
      `a checkpoint may hold tensors, dicts, lists, texts and numbers; it asks for Python's ${JSON.stringify(`${module}.${name}`)}, which is not read because it could run code.`,
      saveWeightsOnly,
    );
  machine.push(found);
}

function stackGlobal(machine: PickleMachine): void {
  const [module, name] = machine.popMany(2);
  if (typeof module !== 'string' || typeof name !== 'string')
    machine.fail('pickle-type', `a global is named by two texts; got ${describe(module)} and ${describe(name)}.`);
  pushGlobal(machine, module, name);
}

function popCallable(machine: PickleMachine): { readonly callable: PickleGlobal; readonly args: PickleTuple } {
  const [callable, args] = machine.popMany(2);
  if (!(callable instanceof PickleGlobal) || !isTuple(args))
    return machine.fail(
      'pickle-type',
      `a call takes a global and a tuple; got ${describe(callable)} and ${describe(args)}.`,
    );
  return { callable, args };
}

function reduce(machine: PickleMachine): void {
  const { callable, args } = popCallable(machine);
  if (!callable.call) machine.fail('pickle-type', `${callable.name} cannot be called.`);
  machine.push(callable.call(args, machine.world.file));
}

function newObject(machine: PickleMachine): void {
  const { callable, args } = popCallable(machine);
  if (!callable.create || args.length > 0)
    machine.fail('pickle-type', `${callable.name} cannot be made from ${args.length} arguments.`);
  machine.push(callable.create());
}

/**
 * The attributes of an object: those of a Namespace are its content, those of an OrderedDict (a state dict's versions) are none.
 * Nothing is copied, since one dict can be the attributes of any number of objects.
 */
function build(machine: PickleMachine): void {
  const state = machine.pop();
  const object = machine.top();
  if (
    !(object instanceof PickleDict) ||
    !(state instanceof PickleDict) ||
    (object.isNamespace && object.entries.size > 0)
  )
    machine.fail('pickle-type', `${describe(object)} cannot take ${describe(state)} as its attributes.`);
  if (object.isNamespace) object.entries = state.entries;
}
