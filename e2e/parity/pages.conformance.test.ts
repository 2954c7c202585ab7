import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { systemExec } from "../../src/kernel/index.ts";
import { nodeName } from "../churn/side.ts";
import type { Page } from "../tools/fetch-all.ts";
import { Cluster } from "./cluster.ts";
import { Justified } from "./justified.ts";
import { metricSeries } from "./metric-series.ts";
import { Pair } from "./pair.ts";

const host = systemExec({ PATH: process.env["PATH"] });
const { signal } = new AbortController();
const health = "http://127.0.0.1:10256";
const metrics = "http://127.0.0.1:10249";
const owned = new AsyncDisposableStack();
let cluster: Cluster;
let pair: Pair;

beforeAll(async () => {
  cluster = owned.use(await Cluster.start([], signal));
  const flags = ["--iptables-localhost-nodeports=true"];
  pair = owned.use(await Pair.start(cluster, { host, flavour: "nft", flags }, signal));
  // The second time neither writes all of its rules.
  for (let round = 0; round < 2; round++) expect(await pair.differences(new Justified([]), signal)).toEqual([]);
});
afterAll(() => owned.disposeAsync());

/** Without the words of an error and without times. */
function shapeOf({ url, status, type, body }: Page): object {
  return { url, status, type, body: status === 404 ? "" : body.replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"<time>"') };
}

const healthPages = ["/healthz", "/livez", "/", "/nothing"].map((path) => health + path);
const otherPages = ["/healthz", "/livez", "/proxyMode", "/", "/nothing", "/debug/pprof/"].map((path) => metrics + path);

it("has kube-proxy's pages", async () => {
  const [kubeProxy, agent] = await pair.pages([...healthPages, ...otherPages]);
  expect(agent.map(shapeOf)).toEqual(kubeProxy.map(shapeOf));
});

it("says that a node which is about to go is not eligible as kube-proxy does", async () => {
  const taint = { key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" };
  const taints = (...list: object[]) =>
    cluster.perform(
      [{ kind: "request", method: "PATCH", path: `/api/v1/nodes/${nodeName}`, body: { spec: { taints: list } } }],
      signal,
    );
  for (const [list, status] of [
    [[taint], 503],
    [[], 200],
  ] as const) {
    await taints(...list);
    await vi.waitFor(
      async () => {
        const [kubeProxy, agent] = await pair.pages(healthPages);
        expect(kubeProxy[0]?.status).toBe(status);
        expect(agent.map(shapeOf)).toEqual(kubeProxy.map(shapeOf));
      },
      { timeout: 30_000, interval: 200 },
    );
  }
});

it("has kube-proxy's metrics: names, types, labels and buckets", async () => {
  const [kubeProxy = [], agent = []] = (await pair.pages([`${metrics}/metrics`])).map(([page]) =>
    metricSeries(page?.body ?? ""),
  );
  expect(kubeProxy.length).toBeGreaterThan(100);
  expect(kubeProxy.filter((series) => !agent.includes(series))).toEqual([]);
  const silent = agent
    .filter((series) => !kubeProxy.includes(series))
    // kube-proxy counts no rules of this table, which holds only its canary.
    .filter((series) => !series.includes('table="mangle"'));
  // It shows a metric that it has not used yet not at all, where we name its type.
  expect(silent.filter((series) => !series.startsWith("# TYPE "))).toEqual([]);
});

it("shows the configuration that holds as kube-proxy does, but for the format of the log", async () => {
  const [kubeProxy, agent] = (await pair.pages([`${metrics}/configz`])).map(
    ([page]) => (JSON.parse(page?.body ?? "") as Record<string, { logging: object }>)["kubeproxy.config.k8s.io"],
  );
  expect(kubeProxy).toHaveProperty("logging.format", "text");
  expect(agent).toEqual({ ...kubeProxy, logging: { ...kubeProxy?.logging, format: "json" } });
});
