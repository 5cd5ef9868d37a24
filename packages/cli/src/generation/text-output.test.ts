// Texts on stdout: streamed, ordered under headers, as JSON lines.
import { byteTokenizer, type TextPiece } from 'hippo';
import { expect, it } from 'vitest';
import { openOutput } from '../terminal/io.ts';
import { jsonTexts, orderedTexts, streamedText, type TextOutput, type TextShape } from './text-output.ts';

const tokenizer = byteTokenizer();

function written(
  make: (out: ReturnType<typeof openOutput>, shape: TextShape) => TextOutput,
  shape: Omit<TextShape, 'tokenizer'>,
  pieces: readonly TextPiece[],
): string {
  let text = '';
  const stream = { write: (more: string) => (text += more) };
  const output = make(openOutput(stream, { argv: [], environment: {} }), { ...shape, tokenizer });
  for (const piece of pieces) output(piece);
  return text;
}

const drawn = (prompt: number, sample: number, text: string, last = false): TextPiece => ({
  prompt,
  sample,
  text,
  token: { token: 65, logProbability: -0.5 },
  ...(last && { finishReason: 'length' as const }),
});

it('streams a single text after its prompt', () => {
  const pieces = [drawn(0, 0, 'b'), drawn(0, 0, ''), drawn(0, 0, 'c', true)];
  expect(written(streamedText, { prompts: ['a'], samples: 1 }, pieces)).toBe('abc\n');
});

it('writes several texts whole, in order, whichever ends first', () => {
  const pieces = [
    drawn(1, 0, 'x'),
    drawn(0, 1, 'y', true),
    drawn(1, 0, 'z', true),
    drawn(0, 0, 'w', true),
    drawn(1, 1, '', true),
  ];
  expect(written(orderedTexts, { prompts: ['a', 'b'], samples: 2 }, pieces)).toBe(
    [
      '--- prompt 1 of 2, sample 1 of 2 ---\naw',
      '--- prompt 1 of 2, sample 2 of 2 ---\nay',
      '--- prompt 2 of 2, sample 1 of 2 ---\nbxz',
      '--- prompt 2 of 2, sample 2 of 2 ---\nb',
      '',
    ].join('\n'),
  );
  expect(written(orderedTexts, { prompts: ['a'], samples: 2 }, [drawn(0, 0, 'w', true)])).toBe(
    '--- sample 1 of 2 ---\naw\n',
  );
});

it('writes a JSON line a token and one a text', () => {
  const lines = (shape: Omit<TextShape, 'tokenizer'>, pieces: readonly TextPiece[]) =>
    written(jsonTexts, shape, pieces)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const echo: TextPiece = { ...drawn(0, 0, 'A'), token: { token: 65, logProbability: null, top: [] }, echo: true };
  const top = {
    ...drawn(0, 0, 'b'),
    token: { token: 98, logProbability: -1, top: [{ token: 66, logProbability: -0.5 }] },
  };
  const end: TextPiece = { prompt: 0, sample: 0, text: 'c', finishReason: 'stop-token', stop: 256 };
  expect(lines({ prompts: ['A'], samples: 1 }, [echo, top, end])).toEqual([
    { echo: true, text: 'A', token: 65, logProbability: null, top: [] },
    { text: 'b', token: 98, logProbability: -1, top: [{ token: 66, logProbability: -0.5, text: 'B' }] },
    { text: 'c' },
    { prompt: 'A', text: 'bc', tokens: 1, finishReason: 'stop-token', stop: 256 },
  ]);
  expect(lines({ prompts: ['A', 'B'], samples: 1 }, [drawn(1, 0, 'x', true)])).toEqual([
    { promptIndex: 1, sample: 0, text: 'x', token: 65, logProbability: -0.5 },
    { promptIndex: 1, sample: 0, prompt: 'B', text: 'x', tokens: 1, finishReason: 'length' },
  ]);
});
