// `make demo-gcp`: a Service of class berth.dev/gcp-l4 from `kubectl apply` to the last delete, with all that was asked of
// the stand-in of Compute Engine.
import { ask } from "../../sandbox/demo/probes.ts";
import { type GceCluster, startGceCluster } from "../../sandbox/gce/fabric/index.ts";
import { apply, demonstrate, eventually, ingressOf, patienceMs, say, tell } from "./play.ts";

await demonstrate(startGceCluster, play);

async function play({ gce, sandbox, fabric }: GceCluster): Promise<void> {
  await apply(sandbox, { loadBalancerClass: "berth.dev/gcp-l4", allocateLoadBalancerNodePorts: false });
  const vip = await ingressOf(sandbox, "ip");
  tellJournal(gce);
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
  tellJournal(gce);
  const left = [...gce.world.resources.keys()].map((path) => path.split("/").slice(-2).join("/"));
  say(`left for the next Service, for ten minutes: ${left.sort().join(", ")}`);
}

function tellJournal({ journal }: GceCluster["gce"]): void {
  const writes = journal.filter(({ isWrite }) => isWrite);
  tell(
    writes.map(({ method, path, status }) => `${status} ${method} ${path}`),
    journal.length - writes.length,
  );
}
