// What `explain()` prints: every kernel in order with its place in the model, its traffic and its offset, then the totals.

import type { Variable } from '../graph/variable.ts';
import { byteCount } from './assign-memory.ts';
import type { Location, Plan } from './plan.ts';

export interface PlanTotals {
  readonly steps: number;
  readonly arithmetic: number;
  readonly bytesMoved: number;
  readonly arenaBytes: number;
  readonly constantBytes: number;
  readonly workspaceBytes: number;
  readonly variableBytes: number;
  /** All memory the plan needs at once. */
  readonly peakBytes: number;
}

/** Memory of plans that are held together: a place of its own for each, and every variable once. */
export function heldBytes(plans: readonly Plan[], variables: readonly Variable[] = []): number {
  const distinct = new Set([...variables, ...plans.flatMap((plan) => plan.variables)]);
  const own = plans.reduce((sum, plan) => sum + plan.arenaBytes + plan.constantBytes + plan.workspaceBytes, 0);
  return [...distinct].reduce((sum, variable) => sum + byteCount(variable), own);
}

export function planTotals(plan: Plan): PlanTotals {
  const variableBytes = heldBytes([], plan.variables);
  return {
    steps: plan.steps.length,
    arithmetic: plan.steps.reduce((sum, step) => sum + step.arithmetic, 0),
    bytesMoved: plan.steps.reduce((sum, step) => sum + step.bytesRead + step.bytesWritten, 0),
    arenaBytes: plan.arenaBytes,
    constantBytes: plan.constantBytes,
    workspaceBytes: plan.workspaceBytes,
    variableBytes,
    peakBytes: heldBytes([plan]),
  };
}

/**
 * One line a step: number, kernel, operations, bytes read and written, arithmetic, time where `seconds` are given, where results
 * go, place in the model.
 */
export function explainPlan(plan: Plan, seconds: readonly number[] = []): string {
  const lines = plan.steps.map((step, index) => {
    const results = step.outputs.map((location) => (location ? formatLocation(location) : 'skipped')).join(', ');
    const operations = [...new Set(step.operations)].join('+');
    const name = operations === step.kernel.name ? operations : `${step.kernel.name}(${operations})`;
    const reason = step.kernel.reason ? ` [${step.kernel.reason}]` : '';
    const place = [step.path, step.source].filter((text) => text !== '').join(' ');
    return `${String(index).padStart(4)} ${name}${reason}  reads ${formatBytes(step.bytesRead)} writes ${formatBytes(step.bytesWritten)} operations ${step.arithmetic}${formatTime(step, seconds[index])} → ${results}${place ? `  # ${place}` : ''}`;
  });
  const totals = planTotals(plan);
  const time = seconds.length > 0 ? `, ${(1e3 * seconds.reduce((sum, x) => sum + x, 0)).toFixed(3)} ms` : '';
  lines.push(
    `total ${totals.steps} calls, ${totals.arithmetic} operations, ${formatBytes(totals.bytesMoved)} moved a run${time}`,
    `memory ${formatBytes(totals.peakBytes)}: arena ${formatBytes(totals.arenaBytes)}, variables ${formatBytes(totals.variableBytes)}, constants ${formatBytes(totals.constantBytes)}, workspace ${formatBytes(totals.workspaceBytes)}`,
  );
  return lines.join('\n');
}

function formatLocation(location: Location): string {
  return location.space === 'variable' ? location.variable.name : `${location.space}+${location.offset}`;
}

function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}

/** `  0.120 ms (80.0 GB/s, 1200.0 Gop/s)`; an operation is what `arithmetic` counts. */
function formatTime(
  { bytesRead, bytesWritten, arithmetic }: Plan['steps'][number],
  seconds: number | undefined,
): string {
  if (seconds === undefined) return '';
  const rate = (count: number): string => (seconds > 0 ? (count / seconds / 1e9).toFixed(1) : '∞');
  return `  ${(1e3 * seconds).toFixed(3)} ms (${rate(bytesRead + bytesWritten)} GB/s, ${rate(arithmetic)} Gop/s)`;
}
