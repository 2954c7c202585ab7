/** Metrics of kube-proxy's own; others are those of a Go process and its libraries. */
const own = /^(?:# TYPE )?kubeproxy_/;

/** What a metrics page shows without the values, sorted: types, and series with their labels in one order. */
export function metricSeries(page: string): readonly string[] {
  return page
    .split("\n")
    .filter((line) => own.test(line))
    .map((line) => (line.startsWith("#") ? line : seriesOf(line)))
    .toSorted();
}

function seriesOf(line: string): string {
  const [, name = "", labels = ""] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
  const pairs = [...labels.matchAll(/\w+="(?:[^"\\]|\\.)*"/g)].map(([pair]) => pair);
  return `${name}{${pairs.toSorted().join(",")}}`;
}
