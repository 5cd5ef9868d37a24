// Formats that torch.save wrote before the zip archive of PyTorch 1.6, by their first bytes: a tar file (before 0.4), and pickles one
// after another of which the first is a magic number. Only what PyTorch itself can still read is named; the rest is not a zip file.
import { type ByteSource, readExactly } from '../safetensors.ts';
import { refuse, saveAgain } from './refusal.ts';

const headBytes = 512;
/** The number 0x1950a86a20f9469cfc6c as a pickle holds it: LONG1, ten bytes, little-endian. */
const magicNumber = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/** Room for a protocol and a frame before it. */
const magicWithin = 16;
const tarMark = 257;

/** @throws CheckpointError `old-format`, `tar-format`, saying how to save the file again. */
export async function refuseOtherFormats(source: ByteSource): Promise<void> {
  const head = await readExactly(source, 0, Math.min(headBytes, source.size));
  const begin = Array.from({ length: magicWithin }, (_, at) => at);
  if (begin.some((at) => magicNumber.every((byte, i) => head[at + i] === byte)))
    refuse(
      source.name,
      'old-format',
      'the file must be a zip archive; got the format of PyTorch before 1.6.',
      saveAgain,
    );
  if (new TextDecoder().decode(head.subarray(tarMark, tarMark + 5)) === 'ustar')
    refuse(
      source.name,
      'tar-format',
      'the file must be a zip archive; got the tar format of PyTorch before 0.4.',
      saveAgain,
    );
}
