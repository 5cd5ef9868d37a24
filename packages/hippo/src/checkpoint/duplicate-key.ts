// JSON lets a key stand twice in an object, and JSON.parse keeps the last in silence: in a tensor file that would hide a tensor, or
// let two readers see different ones.

/** A string with what follows it up to a colon, or a bracket. Everything else between them says nothing about keys. */
const token = /("(?:[^"\\]|\\.)*")(\s*:)?|[{}]/gs;

/** The first key that stands twice in one object of this text, which must be valid JSON; undefined when there is none. */
export function duplicateKey(json: string): string | undefined {
  const objects: Set<string>[] = [];
  for (const [bracket, text, colon] of json.matchAll(token)) {
    if (bracket === '{') objects.push(new Set());
    else if (bracket === '}') objects.pop();
    if (text === undefined || colon === undefined) continue;
    const key = JSON.parse(text) as string;
    const keys = objects.at(-1);
    if (keys?.has(key)) return key;
    keys?.add(key);
  }
  return undefined;
}
