// How a PyTorch archive is refused: every rule it breaks has a code, a sentence that says where and what was got, and what to do.
import { CheckpointError } from '../../errors.ts';

const copyAgain = 'The file is damaged or was not written by torch.save; copy or download it again.';

/** For files that are whole and hold more than weights. */
export const saveWeightsOnly =
  'In Python, save the weights alone: torch.save(model.state_dict(), path), or torch.save(torch.load(path)["state_dict"], path) for a Lightning checkpoint.';

/** For files in a format that PyTorch can still read. */
export const saveAgain =
  'In Python, save it again in the format of PyTorch 1.6 and later: torch.save(torch.load(path, map_location="cpu"), path).';

/** @throws CheckpointError, always. */
export function refuse(file: string, code: string, rule: string, remedy = copyAgain): never {
  throw new CheckpointError(code, `${file}: ${rule} ${remedy}`, { file });
}
