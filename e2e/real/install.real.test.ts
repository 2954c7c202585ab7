import { mkdirSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { chartPath } from "../../hack/chart/helm.ts";
import { sleep } from "../../src/base/index.ts";
import { RealCluster, values } from "./cluster.ts";

const { signal } = new AbortController();
let cluster: RealCluster;

beforeAll(async () => {
  cluster = await RealCluster.start(3, signal);
}, 600_000);
afterAll(async () => await cluster?.[Symbol.asyncDispose]());
afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  const folder = `e2e/real/failed/${task.id}`;
  mkdirSync(folder, { recursive: true });
  await cluster.collect(folder);
});

const release = ["berth", chartPath, "--namespace=kube-system", "--wait", "--timeout=5m"];

it("helm installs Berth, which makes the nodes' services work, and waits until it does", async () => {
  await cluster.helm(["install", ...release], values);
  const inSystem = "--namespace=kube-system";
  await cluster.kubectl(["rollout", "status", "daemonset/berth-agent", "--timeout=10s", inSystem]);
  await cluster.kubectl(["rollout", "status", "deployment/berth-controller", "--timeout=10s", inSystem]);
  // Its pods reach the API server by the ClusterIP.
  await cluster.kubectl(["rollout", "status", "deployment/coredns", "--timeout=120s", inSystem]);
});

it("a Service answers to a pod by its name, and outside on the addresses of nodes", async () => {
  await cluster.kubectl(["apply", `--filename=${RealCluster.manifest("web")}`]);
  await cluster.kubectl(["rollout", "status", "deployment/web", "--timeout=120s"]);
  await cluster.kubectl(["wait", "--for=condition=Ready", "--timeout=120s", "pod/client"]);
  const names = (await cluster.kubectl(["get", "pods", "--selector=app=web", "--output=name"]))
    .trim()
    .split("\n")
    .map((name) => name.replace("pod/", ""));
  expect(names).toHaveLength(2);
  const ask = "fetch('http://web.default.svc.cluster.local').then(async (r) => console.log(await r.text()))";
  expect(names).toContain((await cluster.kubectl(["exec", "client", "--", "node", "--eval", ask])).trim());

  const path = "--output=jsonpath={.status.loadBalancer.ingress[*].ip}";
  let ingress: readonly string[] = [];
  while (ingress.length < 3) {
    ingress = (await cluster.kubectl(["get", "service", "web", path])).split(" ").filter((ip) => ip !== "");
    await sleep(200, signal);
  }
  expect(ingress).toEqual(cluster.plan.nodes.map(({ address }) => address));
  for (const address of ingress) {
    const { stdout } = await cluster.outside.run("curl", ["--silent", "--max-time", "5", `http://${address}`], {
      signal,
    });
    expect(names).toContain(stdout);
  }
});
