// How a family of kernels says which operations it performs, and on which nodes.
import type { Node } from '../../../graph/value.ts';
import type { DeviceTraits } from '../traits.ts';
import type { KernelChoice } from './dispatch.ts';

/** Undefined: no kernel for these attributes or sizes here, so the operation's decomposition is tried. */
export type Chooser = (node: Node, traits: DeviceTraits) => KernelChoice | undefined;
