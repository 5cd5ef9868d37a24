// Products with quantised weights: the words become numbers in registers, on their way into a tile or, with few rows, into a sum. Few
// rows are bound by reading the words, 16 bytes a thread: 1.02 or 0.56 bytes a weight. Activations stay f32 (integer products would
// save arithmetic, which is not what limits a GPU here).
import type { Node } from '../../../graph/value.ts';
import { type QuantizedMatmulAttributes, quantizedMatmulOperation } from '../../../ops/quantized.ts';
import { rowWords } from '../../../tensor/quantization.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { input, type KernelChoice, output } from './dispatch.ts';
import { haveSharedStorage, wholeMatrix } from './matmul.ts';
import { productKernel } from './matmul-choose.ts';
import type { Product } from './matmul-product.ts';
import { quantizedSource, quantizedUnits, unitCount } from './quantized-words.ts';

export const quantizedMatmulChoosers: Readonly<Record<string, Chooser>> = {
  [quantizedMatmulOperation.name]: quantizedMatmulChoice,
};

function quantizedMatmulChoice(node: Node, traits: DeviceTraits): KernelChoice {
  // The attributes of the operation above.
  const { bits, inputs } = node.attributes as QuantizedMatmulAttributes;
  const matrix = { bits, inputs };
  const { dispatches, ...choice } = productKernel(quantizedProduct(node), traits, {
    source: (product) => quantizedSource(product, matrix, traits.maxBindingBytes),
    units: (product) => quantizedUnits(product, matrix, traits.maxBindingBytes),
    count: unitCount(matrix),
  });
  return { ...choice, dispatches: () => dispatches };
}

/** B's rows are rows of words. */
function quantizedProduct(node: Node): Product {
  const [x, words, ...rest] = node.inputs;
  if (!x || !words) throw new Error('quantizedMatmul without operands');
  const { bits, inputs: k, bias, gelu, residual } = node.attributes as QuantizedMatmulAttributes;
  const [m = 1, n = 1] = node.outputs[0]?.shape ?? [];
  const ofC = { lead: n, batch: m * n };
  return {
    m,
    n,
    k,
    batch: 1,
    transposeA: false,
    transposeB: true,
    a: wholeMatrix(input(0), x.shape, { lead: k }),
    b: wholeMatrix(input(1), words.shape, { lead: rowWords({ bits, inputs: k }) }),
    c: wholeMatrix(output(0), [m, n], ofC),
    accumulate: false,
    gelu,
    ...(bias === 'columns' && { bias: { kind: 'columns', memory: input(2), first: 0 } }),
    ...(residual && { residual: wholeMatrix(input(1 + rest.length), [m, n], ofC) }),
    shared: haveSharedStorage(node.inputs),
  };
}
