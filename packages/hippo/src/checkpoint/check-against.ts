// Compares the tensors of a file with what a model expects: all that is missing, unexpected or of another shape in one sentence.
import { CheckpointError } from '../errors.ts';
import { nearest } from '../suggest.ts';
import { type Shape, sameShape } from '../tensor/shape.ts';
import type { TensorSource } from './safetensors.ts';

const mostListed = 8;

/** @throws CheckpointError `weights-disagree` listing up to eight differences. */
export function checkAgainst(
  { tensors }: Pick<TensorSource, 'tensors'>,
  expected: ReadonlyMap<string, Shape>,
  file: string,
): void {
  const unexpected = [...tensors.keys()].filter((name) => !expected.has(name));
  const differences: string[] = [];
  for (const [name, shape] of expected) {
    const found = tensors.get(name);
    if (!found) {
      const guess = nearest(name, unexpected);
      differences.push(`"${name}" is missing${guess ? ` (the file has "${guess}")` : ''}`);
    } else if (!sameShape(found.shape, shape)) {
      differences.push(`"${name}" is [${found.shape.join(', ')}] where the config makes it [${shape.join(', ')}]`);
    }
  }
  for (const name of unexpected) differences.push(`"${name}" is in no layer of the config`);
  if (differences.length === 0) return;
  const shown = differences.slice(0, mostListed).join('; ');
  const more = differences.length > mostListed ? `; and ${differences.length - mostListed} more` : '';
  throw new CheckpointError(
    'weights-disagree',
    `${file}: the weights must be those of the config; ${shown}${more}. Use the config that was saved with these weights.`,
    { file, differences },
  );
}
