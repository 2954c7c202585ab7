/**
 * Whether version `a` is at least as new as `b`. Since Kubernetes 1.35 (KEP-5504) versions of one resource may be
 * compared as decimal numbers of any length. Undefined when either is not one.
 */
export function isAtLeast(a: string | undefined, b: string | undefined): boolean | undefined {
  if (!isNumber(a) || !isNumber(b)) return undefined;
  return a.length === b.length ? a >= b : a.length > b.length;
}

function isNumber(version: string | undefined): version is string {
  return version !== undefined && /^(?:0|[1-9]\d*)$/.test(version);
}
