// An ONNX model of one node, C = MatMul(A, B) with B a constant of the model, as protobuf bytes written by hand (onnx.proto3 of
// the ONNX project: message and field numbers; protobuf encoding guide: wire format).

const text = new TextEncoder();

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

const concat = (parts: readonly Uint8Array[]): Uint8Array => {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
};

/** Field with a number in it (wire type 0). */
const whole = (field: number, value: number): Uint8Array => Uint8Array.from([...varint(field * 8), ...varint(value)]);

/** Field with bytes, text or a message in it (wire type 2). */
function block(field: number, ...content: readonly (Uint8Array | string)[]): Uint8Array {
  const body = concat(content.map((part) => (typeof part === 'string' ? text.encode(part) : part)));
  return concat([Uint8Array.from([...varint(field * 8 + 2), ...varint(body.length)]), body]);
}

const FLOAT = 1; // TensorProto.DataType

/** ValueInfoProto: name = 1, type = 2; TypeProto.tensor_type = 1: elem_type = 1, shape = 2; TensorShapeProto.dim = 1: dim_value = 1. */
const valueInfo = (name: string, shape: readonly number[]): readonly Uint8Array[] => [
  block(1, name),
  block(2, block(1, whole(1, FLOAT), block(2, ...shape.map((size) => block(1, whole(1, size)))))),
];

/** The model's bytes. A is its input [m, k], C its output [m, n]; b holds B [k, n]. */
export function matmulModel(m: number, k: number, n: number, b: Float32Array): Uint8Array {
  // NodeProto: input = 1, output = 2, op_type = 4.
  const node = block(1, block(1, 'A'), block(1, 'B'), block(2, 'C'), block(4, 'MatMul'));
  // TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9.
  const raw = new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
  const constant = block(5, whole(1, k), whole(1, n), whole(2, FLOAT), block(8, 'B'), block(9, raw));
  // GraphProto: node = 1, name = 2, initializer = 5, input = 11, output = 12.
  const graph = block(
    7,
    ...[node, block(2, 'product'), constant],
    ...[block(11, ...valueInfo('A', [m, k])), block(12, ...valueInfo('C', [m, n]))],
  );
  // ModelProto: ir_version = 1, graph = 7, opset_import = 8: version = 2.
  return concat([whole(1, 8), graph, block(8, whole(2, 17))]);
}
