const form = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/;

/** GA before beta before alpha before what has no such form, and the newer first: k8s.io/apimachinery/pkg/version. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [rank(a), rank(b)];
  const differing = x.findIndex((number, index) => number !== y[index]);
  if (differing >= 0) return (y[differing] ?? 0) - (x[differing] ?? 0);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How stable a version is, its number, and the number of its alpha or beta. */
function rank(version: string): readonly number[] {
  const [whole, major, stage, minor] = form.exec(version) ?? [];
  if (whole === undefined) return [0, 0, 0];
  return [stage === undefined ? 3 : stage === "beta" ? 2 : 1, Number(major), Number(minor ?? 0)];
}
