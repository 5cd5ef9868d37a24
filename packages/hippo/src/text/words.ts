// GPT-2's cut of a text into words, before byte pairs are joined (Radford et al. 2019): contractions, letters, digits, the rest,
// spaces up to the one before a word, spaces. Joins never cross the border of a word.

// White_Space and not \s, which in JavaScript takes the byte order mark for a space and leaves out U+0085.
const word =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The same pattern in the syntax of `tokenizer.json` (Oniguruma), where \s is White_Space. */
export const wordPattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** The words of a text in order, each as a match `[word]`; joined they are the text again. A generator over them would cost as much again. */
export const matchWords = (text: string): Iterable<readonly string[]> => text.matchAll(word);
