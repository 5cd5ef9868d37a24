// Which part of an unpickled checkpoint is the weights, and what else it says about itself.
// The rule: `state_dict` (Lightning) or `model` at the top, where it holds tensors at any depth. Without these names: the one dict
// that holds tensors itself, be it the top or one entry of it. Two answers are an error, never a guess.
import { describe, isTuple, PickleDict, PickleList, type PickleValue, TorchTensor } from './pickle-values.ts';
import { refuse, saveWeightsOnly } from './refusal.ts';

const usualNames = ['state_dict', 'model'];

/** Deeper is a dict that holds itself. */
const deepest = 64;
/** A list that holds one list twice, and so on, is small in the file and endless to walk. */
const mostVisited = 1_000_000;
/** Characters of all paths together, which grow in the same way. */
const longestPaths = 64 * 1024 * 1024;
const mostListed = 8;

/**
 * The weights by name; entries of a dict, a list or a tuple inside the weights are joined with a dot, as PyTorch names the parts of a
 * module. Two names of one tensor are two entries.
 * @throws CheckpointError `no-weights`, `ambiguous-weights` naming the candidates, `duplicate-name`, `too-deep`, `too-many-values`.
 */
export function findWeights(file: string, root: PickleValue): ReadonlyMap<string, TorchTensor> {
  const weights = new Map<string, TorchTensor>();
  const add = (path: readonly string[], value: PickleValue) => {
    if (!(value instanceof TorchTensor)) return;
    const name = path.join('.');
    if (weights.has(name)) refuse(file, 'duplicate-name', `two tensors may not have one name; got "${name}" twice.`);
    weights.set(name, value);
  };
  walk(file, chooseDict(file, root), childrenOf, add);
  return weights;
}

function chooseDict(file: string, root: PickleValue): PickleDict {
  if (!(root instanceof PickleDict))
    return refuse(file, 'no-weights', `the file must hold a dict of tensors; got ${describe(root)}.`, saveWeightsOnly);
  const inside = [...root.entries].filter(isNamedDict);
  const usual = inside.filter(([name, dict]) => usualNames.includes(name) && hasTensors(file, dict));
  // Each dict is looked through once, however many names it has.
  const holders = new Set([...new Set(inside.map(([, dict]) => dict))].filter(holdsTensors));
  const holding = inside.filter(([, dict]) => holders.has(dict));
  const candidates = usual.length > 0 ? usual : holding;
  if (usual.length === 0 && holdsTensors(root)) candidates.push(['(the top)', root]);
  const [first, second] = candidates;
  if (!first) return refuse(file, 'no-weights', 'the file must hold a dict of tensors; got none.', saveWeightsOnly);
  if (second)
    return refuse(
      file,
      'ambiguous-weights',
      `one dict must be the weights; got ${candidates
        .slice(0, mostListed)
        .map(([name, { entries }]) => `"${name}" of ${entries.size}`)
        .join(' and ')}.`,
      'In Python, save the one that you mean: torch.save(torch.load(path)["NAME"], path).',
    );
  return first[1];
}

function isNamedDict(entry: readonly [unknown, PickleValue]): entry is [string, PickleDict] {
  return typeof entry[0] === 'string' && entry[1] instanceof PickleDict && !entry[1].isNamespace;
}

function holdsTensors(dict: PickleDict): boolean {
  return [...dict.entries.values()].some((value) => value instanceof TorchTensor);
}

function hasTensors(file: string, dict: PickleDict): boolean {
  let found = false;
  walk(file, dict, childrenOf, (_, value) => {
    found ||= value instanceof TorchTensor;
  });
  return found;
}

/**
 * Texts, numbers and truth values of the file by the path that leads to them through dicts and Namespaces, as texts: `epoch`,
 * `hyper_parameters.lr`. A key with a dot in it stands in quotes. What stands in lists is left out (an optimizer's parameter numbers).
 */
export function scalarsOf(file: string, root: PickleValue): Readonly<Record<string, string>> {
  const scalars: [string, string][] = [];
  walk(file, root, entriesOf, (path, value) => {
    if (value === null || typeof value === 'object') return;
    scalars.push([path.map((key) => (/[."]/.test(key) ? JSON.stringify(key) : key)).join('.'), String(value)]);
  });
  return Object.fromEntries(scalars);
}

type Children = (value: PickleValue) => Iterable<readonly [unknown, PickleValue]>;

function entriesOf(value: PickleValue): Iterable<readonly [unknown, PickleValue]> {
  return value instanceof PickleDict ? value.entries : [];
}

function childrenOf(value: PickleValue): Iterable<readonly [unknown, PickleValue]> {
  if (value instanceof PickleList) return value.items.entries();
  return isTuple(value) ? value.entries() : entriesOf(value);
}

function walk(
  file: string,
  root: PickleValue,
  children: Children,
  visit: (path: readonly string[], value: PickleValue) => void,
): void {
  const path: string[] = [];
  let [visited, pathLength, allPaths] = [0, 0, 0];
  const descend = (value: PickleValue): void => {
    if (path.length > deepest)
      refuse(
        file,
        'too-deep',
        `dicts and lists may hold each other ${deepest} deep; got a deeper one.`,
        saveWeightsOnly,
      );
    for (const [key, child] of children(value)) {
      const name = String(key);
      pathLength += name.length + 1;
      allPaths += pathLength;
      visited++;
      if (visited > mostVisited || allPaths > longestPaths)
        refuse(
          file,
          'too-many-values',
          `the file may hold ${mostVisited} values, and ${longestPaths} characters in their names; got more.`,
          saveWeightsOnly,
        );
      path.push(name);
      visit(path, child);
      descend(child);
      path.pop();
      pathLength -= name.length + 1;
    }
  };
  descend(root);
}
