// What follows the sums of a product, as WGSL: what C held, bias, GELU, residual, and the write to C.
import { type Binding, reads } from './dispatch.ts';
import {
  type BoundMatrix,
  bindMatrix,
  elementOf,
  extentC,
  type Product,
  sumText,
  timesText,
} from './matmul-product.ts';

/** The bindings of C and of what is added to it. */
export interface Finish {
  readonly bindings: readonly Binding[];
  /** Elements of a write. */
  readonly lanes: 1 | 4;
  /**
   * WGSL statements that finish `value`, of `lanes` numbers from (row, column) on, of batch `batch`, and write them. `column` is in
   * elements, and a multiple of the lanes.
   */
  write(place: FinishPlace, value: string): string;
}

export interface FinishPlace {
  readonly batch: string;
  readonly row: string;
  readonly column: string;
}

/** @param single writes of one number, whatever the alignment. */
export function finishOf(product: Product, maxBindingBytes: number, single = false): Finish {
  const { batch, bias, residual, gelu, accumulate, shared, n } = product;
  const bind = (lanes: 1 | 4) => {
    const options = { extent: extentC(product), maxBindingBytes, batches: batch, vectors: lanes === 4 } as const;
    return {
      c: bindMatrix('matrixC', product.c, { ...options, access: 'write' }),
      r: residual && bindMatrix('residual', residual, { ...options, access: 'read' }),
    };
  };
  const wide = bind(4);
  const biasFits = !bias || bias.kind === 'rows' || (n % 4 === 0 && bias.first % 4 === 0);
  const lanes = !single && !shared && biasFits && wide.c.lanes === 4 && (wide.r?.lanes ?? 4) === 4 ? 4 : 1;
  const { c, r } = lanes === 4 ? wide : bind(1);
  const biasLanes = bias?.kind === 'columns' ? lanes : 1;
  const bindings = [
    c.binding,
    ...(bias ? [reads('biases', bias.memory, elementOf(biasLanes))] : []),
    ...(r ? [r.binding] : []),
  ];
  return {
    bindings,
    lanes,
    write(place, value) {
      const index = indexText(c, place, lanes);
      const steps = [value];
      if (accumulate) steps.push(`matrixC[${index}] + ${steps.pop()}`);
      if (bias) {
        const term = bias.kind === 'columns' ? place.column : place.row;
        const at = biasLanes === 4 ? `(${sumText(bias.first, term)}) / 4u` : sumText(bias.first, term);
        steps.push(`${steps.pop()} + biases[${at}]`);
      }
      if (gelu) steps.push(`gelu${lanes}(${steps.pop()})`);
      if (r) steps.push(`${steps.pop()} + residual[${indexText(r, place, lanes)}]`);
      return `matrixC[${index}] = ${steps.pop()};`;
    },
  };
}

/** WGSL: where in a bound matrix the access at a place lies. */
export function indexText({ first, lead, batch }: BoundMatrix, place: FinishPlace, lanes: 1 | 4): string {
  const column = lanes === 4 ? `(${place.column}) / 4u` : place.column;
  return sumText(first / lanes, timesText(place.batch, batch / lanes), timesText(place.row, lead / lanes), column);
}
