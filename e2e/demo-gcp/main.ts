// `make demo-gcp`: a Service of class berth.dev/gcp-l4 from `kubectl apply` to the last delete, with all that was asked of
// the stand-in of Compute Engine.
import { stdout } from "node:process";
import { ask } from "../../sandbox/demo/probes.ts";
import { type GceCluster, startGceCluster } from "../../sandbox/gce/cluster.ts";
import { FailureError, sleep } from "../../src/base/index.ts";
import { createLogger } from "../../src/telemetry/index.ts";

const patienceMs = 60_000;
const labels = { app: "echo" };
const ports = [{ name: "http", containerPort: 8080 }];
const manifest = [
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "echo" },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "echo", image: "berth.dev/echo", ports }] },
      },
    },
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: "berth.dev/gcp-l4",
      allocateLoadBalancerNodePorts: false,
      selector: labels,
      ports: [{ name: "http", port: 80, targetPort: 8080 }],
    },
  },
];

const cluster = await startGceCluster({
  environment: process.env,
  logger: createLogger({ level: "error", format: "text" }),
  signal: new AbortController().signal,
  onProgress: (step) => say(step),
});
try {
  await play(cluster);
} finally {
  await cluster[Symbol.asyncDispose]();
}

async function play({ gce, sandbox, fabric }: GceCluster): Promise<void> {
  say("\n$ kubectl apply: two echo pods, and Service default/web of class berth.dev/gcp-l4");
  await sandbox.kubectl(["apply", "-f", "-"], manifest.map((item) => JSON.stringify(item)).join("\n---\n"));
  const vip = await eventually("the Service has an address", async () => {
    const text = await sandbox.kubectl([
      "get",
      "service",
      "web",
      "-o",
      "jsonpath={.status.loadBalancer.ingress[0].ip}",
    ]);
    return text === "" ? undefined : text;
  });
  say(await sandbox.kubectl(["get", "service", "web"]));
  tell(gce);
  const signal = AbortSignal.timeout(patienceMs);
  const nodes = await eventually("every node answers the health probes", async () => {
    const found = (await fabric.follow(signal)).get(vip) ?? [];
    return found.length === sandbox.nodes.length ? found : undefined;
  });
  say(`what is sent to ${vip} arrives at ${nodes.toSorted().join(", ")}, unchanged`);
  const { pod } = await eventually("a client outside is answered", () =>
    ask(sandbox.client.exec, vip, 80, signal).catch(() => undefined),
  );
  say(`http://${vip}/ is answered by ${pod}`);
  gce.journal.length = 0;
  say("\n$ kubectl delete service web");
  await sandbox.kubectl(["delete", "service", "web"]);
  tell(gce);
  const left = [...gce.world.resources.keys()].map((path) => path.split("/").slice(-2).join("/"));
  say(`left for the next Service, for ten minutes: ${left.sort().join(", ")}`);
}

/** What was changed; how often only looked at. */
function tell({ journal }: GceCluster["gce"]): void {
  for (const { method, path, status } of journal.filter(({ isWrite }) => isWrite)) say(`  ${status} ${method} ${path}`);
  say(`  and ${journal.filter(({ isWrite }) => !isWrite).length} requests that only look`);
}

async function eventually<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const signal = AbortSignal.timeout(patienceMs);
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (signal.aborted) throw new FailureError(`${what}: not within ${patienceMs / 1000} s`);
    await sleep(100, new AbortController().signal);
  }
}

function say(text: string): void {
  stdout.write(`${text.trimEnd()}\n`);
}
