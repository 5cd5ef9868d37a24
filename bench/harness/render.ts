// From results to the tables of README.md. The text between the two markers is generated: `npm run bench -- render` writes it,
// and a test compares it with the committed results.
import { BenchError } from './errors.ts';
import type { Figure } from './figure.ts';
import { busyWarning } from './machine.ts';
import { type Result, resultName } from './report.ts';
import type { SuiteEntry } from './suite.ts';

const [begin, end] = ['<!-- results -->', '<!-- end of results -->'];

/**
 * README.md with its generated part made anew.
 * @throws BenchError `no-markers`, and `unknown-suite` for a result whose suite is not in the list.
 */
export function renderReadme(
  readme: string,
  results: readonly Result[],
  suites: Readonly<Record<string, SuiteEntry>>,
): string {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from)
    throw new BenchError('no-markers', `README.md: takes the tables between ${begin} and ${end}; got no such lines.`);
  const names = Object.keys(suites);
  const unknown = results.find(({ suite }) => !names.includes(suite));
  if (unknown)
    throw new BenchError(
      'unknown-suite',
      `results/${resultName(unknown)}.json: the suite must be one of ${names.join(', ')}; got "${unknown.suite}". Delete the file.`,
    );
  const sections = Object.entries(suites).flatMap(([name, entry]) => {
    const own = results.filter(({ suite }) => suite === name);
    return own.length === 0 ? [] : [`## ${entry.title}`, entry.about, ...own.flatMap(renderResult)];
  });
  return `${readme.slice(0, from)}${begin}\n\n${sections.join('\n\n')}\n\n${readme.slice(to)}`;
}

/** The paragraphs of one result. */
export function renderResult(result: Result): readonly string[] {
  const { figures = [], tables: own = [], skipped = [], versions = {}, facts } = result;
  const units = [...new Set(figures.map(({ unit }) => unit))];
  const tables = units.flatMap((unit) => figureTable(figures.filter((figure) => figure.unit === unit)));
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const absent = skipped.map(({ contestant, reason }) => `${contestant} (${reason})`);
  return [
    heading(result),
    ...tables,
    ...own.flatMap(({ caption, head, rows }) => [caption, table([head, ...rows.map((row) => row.map(String))])]),
    ...(facts ? [table([['', ''], ...Object.entries(facts).map(([name, value]) => [name, String(value)])])] : []),
    ...(peers.length > 0 ? [`Versions: ${peers.join(', ')}.`] : []),
    ...(absent.length > 0 ? [`Did not take part: ${absent.join('; ')}.`] : []),
  ];
}

function heading(result: Result): string {
  const { node, flags, processor, cores, device, rounds, limits, figures } = result;
  const busy = busyWarning(result);
  const bounds = limits.map(
    ({ threads, gflops, readGigabytes, cachedGigabytes, copyGigabytes }) =>
      `${threads === 1 ? '1 thread' : `${threads} threads`} ${gflops} GFLOP/s, reads ${readGigabytes} GB/s (cached ${cachedGigabytes}), copies ${copyGigabytes} GB/s`,
  );
  const options = flags.length > 0 ? ` ${flags.join(' ')}` : '';
  return [
    `**Node ${node}${options}**, ${processor}, ${cores} cores; ${device}.`,
    ...(figures ? [`${rounds} rounds.`] : []),
    ...(busy ? [`When it was measured, ${busy}`] : []),
    ...(bounds.length > 0 ? [`The machine's limits: ${bounds.join('; ')}.`] : []),
  ].join(' ');
}

/** Contests beside or below each other, whichever is narrower. */
function figureTable(figures: readonly Figure[]): readonly string[] {
  const contests = [...new Set(figures.map(({ contest }) => contest))];
  const entrants = [...new Set(figures.map(entrant))];
  const cell = (contest: string, name: string): string => {
    const figure = figures.find((each) => each.contest === contest && entrant(each) === name);
    return figure ? formatFigure(figure) : '–';
  };
  const worst = (own: readonly Figure[]): string => Math.max(...own.map(({ error }) => error)).toExponential(0);
  const wide = contests.length <= entrants.length;
  const rows = wide
    ? entrants.map((name) => [
        name,
        ...contests.map((contest) => cell(contest, name)),
        worst(figures.filter((figure) => entrant(figure) === name)),
      ])
    : contests.map((contest) => [
        contest,
        ...entrants.map((name) => cell(contest, name)),
        worst(figures.filter((figure) => figure.contest === contest)),
      ]);
  const [first] = figures;
  const limit = first?.limit ? '; share of the limit' : '';
  const several = figures.some(({ threads }) => threads > 1) ? '; × 2: two threads' : '';
  return [
    `${first?.unit}: median (quartiles)${limit}${several}; largest error against float64.`,
    table([['', ...(wide ? contests : entrants), 'error'], ...rows]),
  ];
}

const entrant = ({ contestant, threads }: Figure): string =>
  threads === 1 ? contestant : `${contestant} × ${threads}`;

/** Three significant digits, and no exponent. */
const short = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toString() : Number(value.toPrecision(3)).toString();

export function formatFigure({ median, lowerQuartile, upperQuartile, limit }: Figure): string {
  const share = limit ? ` ${Math.round(limit.share * 100)} %` : '';
  return `${short(median)} (${short(lowerQuartile)}–${short(upperQuartile)})${share}`;
}

/** The first row is the head. */
function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...others] = rows;
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map((_, i) => (i === 0 ? ' --- |' : ' ---: |')).join('')}`, ...others.map(line)].join(
    '\n',
  );
}
