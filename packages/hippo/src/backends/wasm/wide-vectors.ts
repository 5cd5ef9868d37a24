// Wide vectors: V8's revectoriser compiles neighbouring pairs of 128-bit WebAssembly operations into 256-bit ones. It gives
// the same bits and makes the 6×16 tile of the matrix product about twice as fast as the 4×8 one (kernels/matmul-wide-tile.as.ts).
// V8 has it from Node 24 on, for x64 processors with AVX2, behind a flag that holds for the whole process and must be set
// before kernels are compiled: so a program opts in at its start, and the library never does it by itself.
import { nodeModule } from './engine-workers.ts';

const FLAG = '--experimental-wasm-revectorize';
const FIRST_V8 = 13; // Node 24; the flag of Node 22 (V8 12.4) changes nothing, Node 20 does not know it

/** Whether kernels compiled from now on get 256-bit operations, and why or why not. */
export interface WideVectors {
  readonly on: boolean;
  readonly reason: string;
}

let switchedOn = false;

/** Switches V8's revectoriser on where that has an effect. Call it before the first device is opened. */
export function enableWideVectors(): WideVectors {
  if (obstacle() === undefined && !isOn()) {
    nodeModule('node:v8')?.setFlagsFromString(FLAG);
    switchedOn = true;
  }
  return wideVectors();
}

/** What holds now; changes nothing. */
export function wideVectors(): WideVectors {
  const reason = obstacle();
  if (reason !== undefined) return { on: false, reason };
  return isOn()
    ? { on: true, reason: "V8's revectoriser fuses pairs of 128-bit operations" }
    : { on: false, reason: `V8 can, but was not asked to: call enableWideVectors() first, or start Node with ${FLAG}` };
}

function isOn(): boolean {
  return switchedOn || process.execArgv.some((argument) => argument.replaceAll('_', '-') === FLAG);
}

/** Why the flag would have no effect here; undefined: it has. */
function obstacle(): string | undefined {
  if (!nodeModule('node:v8')) return 'only Node lets a program switch them on';
  const v8 = Number.parseInt(process.versions.v8, 10);
  if (v8 < FIRST_V8) return `they need Node 24 or newer; this is Node ${process.versions.node}`;
  if (process.arch !== 'x64') return `V8 has them for x64 processors; this one is ${process.arch}`;
  return lacksAvx2() ? 'the processor has no AVX2' : undefined;
}

/** Linux says what the processor has. Elsewhere AVX2 is taken for granted: x64 processors have had it since 2015. */
function lacksAvx2(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const information = nodeModule('node:fs')?.readFileSync('/proc/cpuinfo', 'utf8') ?? '';
    return information !== '' && !/\bavx2\b/.test(information);
  } catch {
    return false; // a system that hides its processor: as elsewhere
  }
}
