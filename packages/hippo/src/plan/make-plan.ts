// From a traced graph to a plan, pass by pass: simplify → share → subsume → prune → lower → epilogues → halve → fuse and
// schedule → memory.
import type { Graph } from '../graph/graph.ts';
import { prune } from '../graph/prune.ts';
import { share } from '../graph/share.ts';
import { simplify } from '../graph/simplify.ts';
import { subsume } from '../graph/subsume.ts';
import { verify } from '../graph/verify.ts';
import { assignMemory } from './assign-memory.ts';
import { absorbEpilogues } from './epilogues.ts';
import { halveFactors } from './halve-factors.ts';
import type { KernelTable, LoweredKernel } from './kernel.ts';
import { lower } from './lower.ts';
import { usualRules } from './memory.ts';
import type { Plan } from './plan.ts';
import { schedule } from './schedule.ts';

/** Lowers, fuses, schedules and places a traced graph. With `verify` the graph is checked after each pass. */
export function makePlan<K extends LoweredKernel>(
  traced: Graph,
  kernels: KernelTable<K>,
  options: { readonly verify?: boolean } = {},
): Plan<K> {
  const check = (graph: Graph, pass: string): Graph => {
    if (options.verify) verify(graph, pass);
    return graph;
  };
  let graph = check(traced, 'trace');
  graph = check(simplify(graph), 'simplify');
  graph = check(share(graph), 'share');
  graph = check(subsume(graph), 'subsume');
  graph = check(prune(graph), 'prune');
  graph = check(prune(lower(graph, kernels)), 'lower');
  graph = check(prune(absorbEpilogues(graph, kernels)), 'epilogues');
  graph = check(halveFactors(graph, kernels), 'halve');
  const { alignment = usualRules.alignment, pageBytes = usualRules.pageBytes } = kernels;
  return assignMemory(graph, schedule(graph, kernels), { alignment, pageBytes });
}
