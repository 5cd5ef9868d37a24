// The counts behind byte-pair training: how often each pair of neighbouring tokens stands in the words, kept up to date join by
// join. A pair is found through a heap whose entries may be out of date: counts only fall behind the heap's back, so an entry is
// checked when it comes up and put back with its true count.

/** Two ids as one key, exact in a double for ids below 2²⁴. */
const idRange = 2 ** 24;

export interface Pair {
  readonly first: number;
  readonly second: number;
  readonly count: number;
}

export class PairCounts {
  /** Bytes by id, one character a byte; joins are appended. */
  readonly #tokens: string[];
  /** The distinct words as token ids, and how often each stands in the text. */
  readonly #words: number[][] = [];
  readonly #frequencies: number[] = [];
  readonly #counts = new Map<number, number>();
  /** The words in which a pair stands, or once stood. */
  readonly #places = new Map<number, number[]>();
  readonly #heap: Pair[] = [];

  /** @param tokens the 256 bytes; `join` appends to it. */
  constructor(words: ReadonlyMap<string, number>, tokens: string[]) {
    this.#tokens = tokens;
    for (const [word, frequency] of words) {
      const ids = Array.from(word, (letter) => letter.charCodeAt(0));
      this.#words.push(ids);
      this.#frequencies.push(frequency);
      for (let i = 0; i + 1 < ids.length; i++) this.#add(ids[i] ?? 0, ids[i + 1] ?? 0, this.#words.length - 1);
    }
    for (const key of this.#counts.keys()) this.#enqueue(key);
  }

  /** The pair that stands most often; among equals the one whose first token, then second, has the smaller bytes. */
  commonest(): Pair | undefined {
    for (let pair = this.#pop(); pair !== undefined; pair = this.#pop()) {
      const key = pair.first * idRange + pair.second;
      const count = this.#counts.get(key) ?? 0;
      if (count === pair.count) return pair;
      if (count > 0 && count < pair.count) this.#enqueue(key);
    }
    return undefined;
  }

  /** Makes the pair a token, everywhere, from the left of each word. */
  join({ first, second }: Pair): void {
    const joined = this.#tokens.length;
    this.#tokens.push((this.#tokens[first] ?? '') + (this.#tokens[second] ?? ''));
    const key = first * idRange + second;
    const grown = new Set<number>();
    for (const place of this.#places.get(key) ?? []) this.#joinWord(place, { first, second, joined }, grown);
    this.#counts.delete(key);
    this.#places.delete(key);
    for (const changed of grown) this.#enqueue(changed);
  }

  #joinWord(
    place: number,
    { first, second, joined }: { readonly first: number; readonly second: number; readonly joined: number },
    grown: Set<number>,
  ): void {
    const word = this.#words[place] ?? [];
    const result: number[] = [];
    for (let i = 0; i < word.length; i++) {
      const id = word[i] ?? 0;
      if (id !== first || word[i + 1] !== second) {
        result.push(id);
        continue;
      }
      const [before, after] = [result.at(-1), word[i + 2]];
      if (before !== undefined) {
        this.#remove(before, first, place);
        grown.add(this.#add(before, joined, place));
      }
      if (after !== undefined) {
        this.#remove(second, after, place);
        grown.add(this.#add(joined, after, place));
      }
      result.push(joined);
      i++;
    }
    this.#words[place] = result;
  }

  /** Counts the pair once more in this word; returns its key. */
  #add(first: number, second: number, place: number): number {
    const key = first * idRange + second;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + (this.#frequencies[place] ?? 0));
    const places = this.#places.get(key);
    // Words come one after the other, so that a repeated one is the last.
    if (places === undefined) this.#places.set(key, [place]);
    else if (places.at(-1) !== place) places.push(place);
    return key;
  }

  #remove(first: number, second: number, place: number): void {
    const key = first * idRange + second;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) - (this.#frequencies[place] ?? 0));
  }

  /** Whether `a` is to be joined before `b`. */
  #precedes(a: Pair, b: Pair): boolean {
    if (a.count !== b.count) return a.count > b.count;
    const [firstA, firstB] = [this.#tokens[a.first] ?? '', this.#tokens[b.first] ?? ''];
    if (firstA !== firstB) return firstA < firstB;
    return (this.#tokens[a.second] ?? '') < (this.#tokens[b.second] ?? '');
  }

  /** Adds the pair with its present count to the heap. */
  #enqueue(key: number): void {
    const pair = { first: Math.floor(key / idRange), second: key % idRange, count: this.#counts.get(key) ?? 0 };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(pair);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !this.#precedes(pair, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = pair;
  }

  #pop(): Pair | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      let below = left;
      if (right !== undefined && this.#precedes(right, left)) {
        below = right;
        child++;
      }
      if (!this.#precedes(below, moved)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = moved;
    return top;
  }
}
