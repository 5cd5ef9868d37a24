// The H3 layer against the official implementation: outputs, both kernels, every gradient, and decoding step by step.
import { describe, expect, it } from 'vitest';
import { read } from '../../graph/trace.ts';
import {
  diagonalSsm as applyDiagonal,
  concat,
  constant,
  full,
  gradient,
  mul,
  sliceAxis,
  sum,
} from '../../ops/index.ts';
import type { Store } from '../../session/store.ts';
import { type HostTensor, tensor } from '../../tensor/host-tensor.ts';
import { type GoldenFile, openGolden } from '../golden.test-support.ts';
import { backends, evaluate, inputOf, openStore, outputOf, relativeError, tolerances } from '../layer.test-support.ts';
import type { State } from '../mixer.ts';
import { rootScope } from '../scope.ts';
import { diagonalSsm } from './diagonal.ts';
import type { Discretisation } from './discretise.ts';
import { h3 } from './h3.ts';
import type { Measure } from './measures.ts';
import { shiftSsm } from './shift.ts';

interface Sizes {
  readonly d_model: number;
  readonly d_state: number;
  readonly head_dim: number;
  readonly seqlen: number;
  readonly prefill: number;
  readonly measure: Measure;
  readonly disc?: Discretisation;
}

const outputWeight = 'output_linear.weight';

/** The official layer lays outputs of head dim above 1 out as (head dim, heads), this one as (heads, head dim). */
function permuteColumns({ data, shape }: HostTensor, headDim: number): HostTensor {
  const [rows = 0, columns = 0] = shape;
  const heads = columns / headDim;
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) {
      result[row * columns + c] = data[row * columns + (c % headDim) * heads + Math.floor(c / headDim)] ?? Number.NaN;
    }
  }
  return tensor(result, shape);
}

function golden(file: GoldenFile, prefix: string, name: string, headDim: number): HostTensor {
  const value = file.get(`${prefix}.${name}`);
  return name === outputWeight ? permuteColumns(value, headDim) : value;
}

const isSsmParameter = (name: string): boolean => /kernel\.kernel\./.test(name) || name === 'D' || name === 'ssm_k_D';

describe.each(backends)('H3 layer against the official implementation on %s', (backend) => {
  describe.each(['h3-layer', 'h3-layer-zoh-inv', 'h3-layer-heads'])('%s', (fileName) => {
    const open = async () => {
      const file = await openGolden(fileName);
      const config = file.config as unknown as Sizes;
      const scope = rootScope();
      const { d_model: width, d_state: stateSize, head_dim: headDim, measure, disc: discretisation } = config;
      const layer = h3(scope, { width, stateSize, headDim, measure, discretisation });
      const { variables } = scope;
      const store: Store = await openStore(backend, variables);
      for (const variable of variables) store.write(variable, golden(file, 'param', variable.name, headDim));
      return { file, config, layer, variables, store };
    };

    it('declares exactly the parameters of the file', async () => {
      const { file, variables } = await open();
      const inFile = file.names.filter((name) => name.startsWith('param.')).map((name) => name.slice('param.'.length));
      expect(variables.map(({ name }) => name).sort()).toEqual(inFile.sort());
    });

    it('gives its outputs and every gradient', async () => {
      const { file, config, layer, variables, store } = await open();
      const outputs = await evaluate(store, { u: file.get('u'), dy: file.get('dy') }, (values) => {
        const [u, dy] = [inputOf(values, 'u'), inputOf(values, 'dy')];
        const { y } = layer.apply(u);
        const gradients = gradient(sum(mul(y, dy)), [u, ...variables.map(read)]);
        return { y, ...Object.fromEntries(gradients.map((value, i) => [variables[i - 1]?.name ?? 'u', value])) };
      });
      expect(relativeError(outputs.y?.data, file.get('y').data)).toBeLessThan(tolerances.goldenOutput);
      expect(relativeError(outputs.u?.data, file.get('du').data)).toBeLessThan(tolerances.goldenOutput);
      for (const { name } of variables) {
        const expected = golden(file, 'grad', name, config.head_dim);
        const tolerance = isSsmParameter(name) ? tolerances.goldenSsmGradient : tolerances.goldenGradient;
        expect(relativeError(outputs[name]?.data, expected.data), name).toBeLessThan(tolerance);
      }
    });

    it('has its two kernels', async () => {
      const { file, config, store, variables } = await open();
      const {
        d_model: channels,
        d_state: stateSize,
        head_dim: headDim,
        seqlen,
        measure,
        disc: discretisation,
      } = config;
      const heads = channels / headDim;
      const scope = rootScope();
      const shift = shiftSsm(scope.child('ssm_k_kernel.kernel'), { channels, stateSize });
      const diagonal = diagonalSsm(scope.child('kernel.kernel'), {
        channels: heads,
        stateSize,
        measure,
        discretisation,
      });
      const own: Store = await openStore(backend, scope.variables);
      for (const variable of scope.variables) {
        const twin = variables.find(({ name }) => name === variable.name);
        if (twin) own.write(variable, await store.read(twin));
      }
      const impulse = (rows: number) => {
        const row = Array.from({ length: rows * seqlen }, (_, i) => (i % seqlen === 0 ? 1 : 0));
        return constant(row, [rows, 1, seqlen]);
      };
      const outputs = await evaluate(own, {}, () => ({
        shift: shift.apply(impulse(channels), { skip: full([channels], 0) }).y,
        diagonal: applyDiagonal(impulse(heads), diagonal.parameters(full([heads], 0)), { form: 'scan' }).y,
        convolution: applyDiagonal(impulse(heads), diagonal.parameters(full([heads], 0)), { form: 'convolution' }).y,
      }));
      expect(relativeError(outputs.shift?.data, file.get('ssm_shift_kernel').data)).toBeLessThan(
        tolerances.goldenOutput,
      );
      expect(relativeError(outputs.diagonal?.data, file.get('ssm_diag_kernel').data)).toBeLessThan(
        tolerances.goldenOutput,
      );
      expect(relativeError(outputs.convolution?.data, file.get('ssm_diag_kernel').data)).toBeLessThan(
        tolerances.goldenOutput,
      );
    });

    it('decodes step by step after a prefill', async () => {
      const { file, config, layer, store } = await open();
      const { prefill, seqlen, head_dim: headDim } = config;
      // The official layer cannot step for head dim above 1; there the whole sequence is the reference.
      const expected = file.get(headDim === 1 ? 'y_prefill_then_steps' : 'y');
      const outputs = await evaluate(store, { u: file.get('u') }, (values) => {
        const u = inputOf(values, 'u');
        const parts = [];
        let state: State | undefined;
        for (let at = 0; at < seqlen; at += at === 0 ? prefill : 1) {
          const end = at === 0 ? prefill : at + 1;
          const result = layer.apply(sliceAxis(u, 1, at, end), { state });
          parts.push(result.y);
          state = result.state;
        }
        return { y: concat(parts, 1) };
      });
      expect(relativeError(outputOf(outputs, 'y').data, expected.data)).toBeLessThan(tolerances.goldenOutput);
    });
  });
});
