import { describe, expect, it } from 'vitest';
import { type Contest, type Contestant, duration, rate } from './contest.ts';
import { BenchError, Unavailable } from './errors.ts';
import { measure } from './measure.ts';

/** A clock that stands still until a contestant moves it. */
function fakeClock() {
  let now = 0;
  return { read: () => now, advance: (seconds: number) => (now += seconds) };
}

const options = (clock: () => number) => ({
  rounds: 4,
  longestSeconds: Number.POSITIVE_INFINITY,
  sampleSeconds: 0.01,
  warmUpSeconds: 0.05,
  clock,
});

function contest(contestants: readonly Contestant[], rest: Partial<Contest> = {}): Contest {
  return { name: 'size', unit: rate('a second', 1, 1), tolerance: 1e-6, contestants, ...rest };
}

describe('measure', () => {
  it('gives median, quartiles and best of the samples, in the unit of the contest', async () => {
    const clock = fakeClock();
    const warmUps = 2;
    const durations = [1, 1, 1, 2, 4, 3]; // seconds a run, so long that no sample needs two, or a run before it
    let run = 0;
    const contestant: Contestant = {
      name: 'ours',
      threads: 1,
      prepare: () => ({ check: () => 1e-7, run: () => void clock.advance(durations[run++] ?? 0) }),
    };
    const { figures } = await measure(contest([contestant], { unit: duration('ms', 1000) }), options(clock.read));
    expect(run).toBe(warmUps + 4);
    expect(figures).toEqual([
      {
        ...{ contest: 'size', contestant: 'ours', threads: 1, unit: 'ms', error: 1e-7, samples: 4, repeats: 1 },
        ...{ median: 2500, lowerQuartile: 1750, upperQuartile: 3250, best: 1000 },
      },
    ]);
  });

  it('repeats short work until a sample is long enough for the clock', async () => {
    const clock = fakeClock();
    const contestant: Contestant = {
      name: 'short',
      threads: 1,
      prepare: () => ({ check: () => 0, run: () => void clock.advance(0.001) }),
    };
    const { figures } = await measure(contest([contestant]), options(clock.read));
    expect(figures[0]?.repeats).toBe(10);
    expect(figures[0]?.median).toBeCloseTo(1000, 6);
  });

  it('interleaves the contestants, each round starting with another one', async () => {
    const clock = fakeClock();
    const order: string[] = [];
    const named = (name: string): Contestant => ({
      name,
      threads: 1,
      prepare: () => ({
        check: () => 0,
        run: () => {
          order.push(name);
          clock.advance(1);
        },
      }),
    });
    await measure(contest([named('a'), named('b'), named('c')]), options(clock.read));
    expect(order.slice(-12).join('')).toBe('abcbcacababc');
  });

  it('lets a contestant go that takes very long, after three samples', async () => {
    const clock = fakeClock();
    const taking = (seconds: number): Contestant => ({
      name: `${seconds} s`,
      threads: 1,
      prepare: () => ({ check: () => 0, run: () => void clock.advance(seconds) }),
    });
    const limited = { ...options(clock.read), rounds: 6, longestSeconds: 5 };
    const { figures } = await measure(contest([taking(1), taking(1.5), taking(60)]), limited);
    expect(figures.map(({ samples }) => samples)).toEqual([6, 4, 3]);
  });

  it('refuses a wrong result before anything is timed, and closes what was opened', async () => {
    const clock = fakeClock();
    const events: string[] = [];
    const contestant: Contestant = {
      name: 'wrong',
      threads: 1,
      prepare: () => ({
        check: () => 0.5,
        run: () => void events.push('run'),
        dispose: () => void events.push('dispose'),
      }),
    };
    const failure = measure(contest([contestant]), options(clock.read));
    await expect(failure).rejects.toThrow(BenchError);
    await expect(failure).rejects.toThrow(
      'wrong, size: the result may differ from float64 by 0.000001; got 0.5. Nothing was timed.',
    );
    expect(events).toEqual(['dispose']);
  });

  it('a result that is not a number is wrong', async () => {
    const contestant: Contestant = {
      name: 'nan',
      threads: 1,
      prepare: () => ({ check: () => Number.NaN, run: () => {} }),
    };
    await expect(measure(contest([contestant]), { rounds: 1 })).rejects.toThrow(BenchError);
  });

  it('skips by name who cannot take part, and passes on any other error', async () => {
    const clock = fakeClock();
    const failing = (error: Error): Contestant => ({
      name: 'absent',
      threads: 1,
      prepare: () => {
        throw error;
      },
    });
    const present: Contestant = {
      name: 'present',
      threads: 1,
      prepare: () => ({ check: () => 0, run: () => void clock.advance(1), version: '1.2.3' }),
    };
    const measured = await measure(
      contest([failing(new Unavailable('libabsent is not installed')), present]),
      options(clock.read),
    );
    expect(measured.skipped).toEqual([{ contestant: 'absent', reason: 'libabsent is not installed' }]);
    expect(measured.figures.map(({ contestant }) => contestant)).toEqual(['present']);
    expect(measured.versions).toEqual({ present: '1.2.3' });
    await expect(measure(contest([failing(new Error('broken'))]), options(clock.read))).rejects.toThrow('broken');
  });

  it('takes the time from work that times itself, and awaits work that is asynchronous', async () => {
    const clock = fakeClock();
    const remote: Contestant = {
      name: 'remote',
      threads: 1,
      prepare: () => ({
        check: () => 0,
        run: () => {
          throw new Error('never called');
        },
        sample: (repeats) => {
          clock.advance(0.02 * repeats);
          return Promise.resolve(0.005 * repeats);
        },
      }),
    };
    const late: Contestant = {
      name: 'late',
      threads: 2,
      prepare: () => ({ check: () => 0, run: () => Promise.resolve().then(() => void clock.advance(0.25)) }),
    };
    const { figures } = await measure(contest([remote, late]), options(clock.read));
    expect(figures.map(({ median }) => median)).toEqual([200, 4]);
  });

  it('tells the share of the limit, for rates and for times', async () => {
    const clock = fakeClock();
    const contestant: Contestant = {
      name: 'ours',
      threads: 2,
      prepare: () => ({ check: () => 0, run: () => void clock.advance(0.5) }),
    };
    const limit = { name: 'peak', of: (threads: number) => 2 * threads };
    const rates = await measure(contest([contestant], { limit }), options(clock.read));
    expect(rates.figures[0]?.limit).toEqual({ name: 'peak', value: 4, share: 0.5 });
    const times = await measure(
      contest([contestant], { unit: duration('s', 1), limit: { name: 'fastest', of: () => 0.1 } }),
      options(clock.read),
    );
    expect(times.figures[0]?.limit).toEqual({ name: 'fastest', value: 0.1, share: 0.2 });
  });
});
