/** Ports from `first` to `last`, both included, 1 <= first <= last <= 65535. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Parses what kube-apiserver's `--service-node-port-range` takes: `30000-32767`, `30000+2767` (base and
 * size beyond it) or a single port; undefined when the text is none of them.
 */
export function parsePortRange(text: string): PortRange | undefined {
  const match = /^(\d{1,5})(?:([-+])(\d{1,5}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const first = Number(match[1]);
  const second = Number(match[3]);
  const last = match[2] === undefined ? first : match[2] === "-" ? second : first + second;
  return first >= 1 && first <= last && last <= 65_535 ? { first, last } : undefined;
}

export function formatPortRange(range: PortRange): string {
  return range.first === range.last ? `${range.first}` : `${range.first}-${range.last}`;
}

export function portRangeContains(range: PortRange, port: number): boolean {
  return range.first <= port && port <= range.last;
}
