// Text as the terminal shows it: colour sequences take no room, and cutting must neither split nor leave one open.

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what starts a colour sequence.
const colorSequence = /\x1b\[[0-9;]*m/g;
const reset = '\x1b[0m';

/** Columns that a line takes: one per code point, none for colour sequences. */
export function visibleWidth(text: string): number {
  return [...text.replace(colorSequence, '')].length;
}

/** Fills up with spaces to `width` columns; longer text is left alone. */
export function padVisible(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const fill = ' '.repeat(Math.max(0, width - visibleWidth(text)));
  return align === 'left' ? text + fill : fill + text;
}

/** Cuts to at most `width` columns, with `…` as the last one where something was lost, and switches colours off again. */
export function cutVisible(text: string, width: number): string {
  if (visibleWidth(text) <= width) return text;
  if (width < 1) return '';
  let kept = '';
  let room = width - 1;
  let position = 0;
  let colored = false;
  for (const match of [...text.matchAll(colorSequence), undefined]) {
    const plain = [...text.slice(position, match?.index ?? text.length)];
    kept += plain.slice(0, room).join('');
    if (plain.length > room) break;
    room -= plain.length;
    if (!match) break;
    kept += match[0];
    colored = true;
    position = match.index + match[0].length;
  }
  return `${kept}…${colored ? reset : ''}`;
}
