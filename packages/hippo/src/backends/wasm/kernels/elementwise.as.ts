// elementwise: runs a straight-line program over an iteration space, 256 elements at a time, so that everything between
// inputs and outputs stays in the first cache. Elements are taken in the order of the outputs, whatever the shape.
//
// A register is a pointer to a block. Contiguous inputs are read and outputs written where they lie; broadcast rows too
// when one row covers the block; other inputs are gathered; scalars and constants are spread once per call. The last block,
// when its size is no multiple of eight, runs in scratch blocks altogether, since instructions work on eight elements.
//
// Words: count, scratch, bytes of scratch a part, scratch offset of the odometer,
//        inputs, constants, temporaries, outputs, instructions (how many of each);
//   an input: address, mode, scratch block, output to gather into + 1, rank, byte offset of its sizes in the arguments;
//   a constant: value, scratch block; a temporary: scratch block; an output: address, scratch block;
//   an instruction: opcode, target, three operands, as byte offsets in the pointer table.
// The pointer table opens the scratch: inputs, constants, temporaries, outputs. Parts take ranges of blocks.
import { copyStrided, gather } from './elementwise-gather.as';
import { perform } from './elementwise-instruction.as';
import { word } from './simd.as';

const BLOCK: i32 = 256;
const HEADER: usize = 36;
const CONTIGUOUS: u32 = 0;
const SCALAR: u32 = 1;
// Any other mode: gathered.

/** Fills a block with one value. */
function spread(block: usize, source: usize, count: i32): void {
  copyStrided(block, source, 0, min(BLOCK, (count + 7) & ~7));
}

export function elementwise(args: usize, part: i32, parts: i32): void {
  const count = <i32>word(args, 0);
  const scratch = <usize>word(args, 1) + <usize>part * <usize>word(args, 2);
  const odometer = scratch + <usize>word(args, 3);
  const inputs = args + HEADER;
  const constants = inputs + <usize>word(args, 4) * 24;
  const temporaries = constants + (<usize>word(args, 5) << 3);
  const outputs = temporaries + (<usize>word(args, 6) << 2);
  const instructions = outputs + (<usize>word(args, 7) << 3);
  const instructionsEnd = instructions + <usize>word(args, 8) * 20;

  const blocks = (count + BLOCK - 1) / BLOCK;
  const firstBlock = <i32>((<i64>blocks * part) / parts);
  const lastBlock = <i32>((<i64>blocks * (part + 1)) / parts);
  if (firstBlock == lastBlock) return;

  // Pointers that hold for the whole call.
  let pointer = scratch;
  for (let input = inputs; input < constants; input += 24, pointer += 4) {
    if (load<u32>(input + 4) != SCALAR) continue;
    const block = scratch + <usize>load<u32>(input + 8);
    spread(block, <usize>load<u32>(input), count);
    store<u32>(pointer, <u32>block);
  }
  for (let constant = constants; constant < temporaries; constant += 8, pointer += 4) {
    const block = scratch + <usize>load<u32>(constant + 4);
    spread(block, constant, count);
    store<u32>(pointer, <u32>block);
  }
  for (let temporary = temporaries; temporary < outputs; temporary += 4, pointer += 4) {
    store<u32>(pointer, <u32>(scratch + <usize>load<u32>(temporary)));
  }
  const outputPointers = pointer;

  for (let index = firstBlock; index < lastBlock; index++) {
    const start = index * BLOCK;
    const size = min(BLOCK, count - start);
    const ragged = (size & 7) != 0;
    const offset = <usize>start << 2;

    pointer = outputPointers;
    for (let output = outputs; output < instructions; output += 8, pointer += 4) {
      const place = ragged ? scratch + <usize>load<u32>(output + 4) : <usize>load<u32>(output) + offset;
      store<u32>(pointer, <u32>place);
    }
    pointer = scratch;
    for (let input = inputs; input < constants; input += 24, pointer += 4) {
      const mode = load<u32>(input + 4);
      if (mode == SCALAR) continue;
      const address = <usize>load<u32>(input);
      const into = load<u32>(input + 12);
      let block = scratch + <usize>load<u32>(input + 8);
      if (into) block = <usize>load<u32>(outputPointers + ((<usize>into - 1) << 2));
      const forced = ragged || into != 0;
      if (mode == CONTIGUOUS) {
        if (forced) copyStrided(block, address + offset, 1, size);
        else block = address + offset;
      } else {
        const sizes = args + <usize>load<u32>(input + 20);
        block = gather(address, load<i32>(input + 16), sizes, start, size, block, odometer, forced);
      }
      store<u32>(pointer, <u32>block);
    }

    const bytes = <usize>((size + 7) & ~7) << 2;
    for (let at = instructions; at < instructionsEnd; at += 20) {
      const target = <usize>load<u32>(scratch + <usize>load<u32>(at + 4));
      const a = <usize>load<u32>(scratch + <usize>load<u32>(at + 8));
      const b = <usize>load<u32>(scratch + <usize>load<u32>(at + 12));
      const c = <usize>load<u32>(scratch + <usize>load<u32>(at + 16));
      perform(load<i32>(at), target, a, b, c, bytes);
    }

    if (ragged) {
      pointer = outputPointers;
      for (let output = outputs; output < instructions; output += 8, pointer += 4) {
        copyStrided(<usize>load<u32>(output) + offset, <usize>load<u32>(pointer), 1, size);
      }
    }
  }
}
