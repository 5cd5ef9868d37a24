// The grid of workgroups: more than 65,535 of them, the limit of one axis, are folded into two.

/** The most workgroups along one axis (WebGPU specification, maxComputeWorkgroupsPerDimension). */
const mostPerAxis = 65_535;

/** Workgroups for `count` units of work numbered by `workgroupNumber`; those from `count` on have nothing to do. */
export function gridOf(count: number): [number, number, number] {
  if (count <= mostPerAxis) return [count, 1, 1];
  const rows = Math.ceil(count / mostPerAxis);
  return [Math.ceil(count / rows), rows, 1];
}

/** Parameters of `main` that `workgroupNumber` needs. */
export const gridParameters = '@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>';

/** WGSL: the number of this workgroup, 0 …, of those that `gridOf` made. */
export const workgroupNumber = '(workgroup.y * grid.x + workgroup.x)';
