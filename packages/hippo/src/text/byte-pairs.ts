// Byte-pair encoding of one word: start from single bytes and always join the neighbours whose joined bytes have the lowest rank,
// the leftmost first, until no neighbours can be joined (Sennrich et al. 2016; byte-level as in GPT-2). Neighbours wait in a heap,
// so that a word of n bytes costs n·log n: without it, a line of 100,000 dashes takes a minute.
//
// Bytes are kept as strings of one character a byte, since these can be keys of a map.

/** Ranks by the bytes they stand for. A rank is also the token's id. */
export type Ranks = ReadonlyMap<string, number>;

/** What looks ranks up: all of them, or those below one. */
type RankLookup = Pick<Ranks, 'get'>;

const none = -1;
/** Heap keys order by rank, then by place: rank · 2³² + place, exact in a double. */
const placeRange = 2 ** 32;

/** The tokens of a word. Every single byte must have a rank. */
export function encodeWord(word: string, ranks: Ranks): number[] {
  const whole = ranks.get(word);
  if (whole !== undefined) return [whole];
  return new Pieces(word, ranks).joinAll().tokens();
}

/**
 * The two tokens whose joining makes `word`, a token of at least two bytes itself: what its bytes come to when only tokens of lower
 * rank exist. This is how the pairs of `merges.txt` follow from ranks.
 */
export function lastJoin(word: string, ranks: Ranks): readonly [first: number, second: number] {
  const limit = ranks.get(word) ?? ranks.size;
  const lower: RankLookup = {
    get: (bytes) => {
      const rank = ranks.get(bytes);
      return rank !== undefined && rank < limit ? rank : undefined;
    },
  };
  const [first, second, ...more] = new Pieces(word, lower).joinAll().tokens();
  if (first === undefined || second === undefined || more.length > 0)
    throw new RangeError(`rank ${limit} does not join two tokens of lower rank.`);
  return [first, second];
}

/** A word in pieces, a linked list by the places where they start. */
class Pieces {
  readonly #word: string;
  readonly #ranks: RankLookup;
  /** The start of the piece after (before) the one that starts here. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** The rank of the piece here joined with the next one; heap entries with another rank are out of date. */
  readonly #joined: Int32Array;
  readonly #heap: number[] = [];

  constructor(word: string, ranks: RankLookup) {
    this.#word = word;
    this.#ranks = ranks;
    this.#next = Int32Array.from({ length: word.length }, (_, place) => place + 1);
    this.#previous = Int32Array.from({ length: word.length }, (_, place) => place - 1);
    this.#joined = new Int32Array(word.length).fill(none);
  }

  /** Notes the rank of joining the piece at `place` with the one after it. */
  #consider(place: number): void {
    const second = this.#after(place);
    const rank = second < this.#word.length ? this.#ranks.get(this.#word.slice(place, this.#after(second))) : undefined;
    this.#joined[place] = rank ?? none;
    if (rank !== undefined) push(this.#heap, rank * placeRange + place);
  }

  joinAll(): this {
    for (let place = 0; place + 1 < this.#word.length; place++) this.#consider(place);
    for (let key = pop(this.#heap); key !== undefined; key = pop(this.#heap)) {
      const place = key % placeRange;
      if (this.#joined[place] !== Math.floor(key / placeRange)) continue;
      const second = this.#after(place);
      const third = this.#after(second);
      this.#joined[second] = none;
      this.#next[place] = third;
      if (third < this.#word.length) this.#previous[third] = place;
      this.#consider(place);
      const before = this.#previous[place] ?? none;
      if (before !== none) this.#consider(before);
    }
    return this;
  }

  tokens(): number[] {
    const result: number[] = [];
    for (let place = 0; place < this.#word.length; place = this.#after(place)) {
      const rank = this.#ranks.get(this.#word.slice(place, this.#after(place)));
      // Pieces are single bytes or joined ones, and both have ranks.
      if (rank === undefined) throw new RangeError(`byte ${this.#word.charCodeAt(place)} has no rank.`);
      result.push(rank);
    }
    return result;
  }

  #after(place: number): number {
    return this.#next[place] ?? this.#word.length;
  }
}

/** Adds to a binary heap, smallest first. */
function push(heap: number[], key: number): void {
  let at = heap.length;
  heap.push(key);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] ?? 0;
    if (above <= key) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = key;
}

/** Takes the smallest from a binary heap. */
function pop(heap: number[]): number | undefined {
  const smallest = heap[0];
  const moved = heap.pop();
  if (moved === undefined || heap.length === 0) return smallest;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child + 1 < heap.length && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child++;
    const below = heap[child];
    if (below === undefined || below >= moved) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = moved;
  return smallest;
}
