// `make demo-aws`: a Service of class berth.dev/aws-nlb from `kubectl apply` to the last delete, with all that was asked of
// the stand-in of AWS.
import type { CreateListenerInput, RegisterTargetsInput } from "@aws-sdk/client-elastic-load-balancing-v2";
import { type AwsCluster, startAwsCluster } from "../../sandbox/aws/fabric/cluster.ts";
import { type Entry, text } from "../../sandbox/aws/index.ts";
import { ask } from "../../sandbox/demo/probes.ts";
import { apply, demonstrate, eventually, ingressOf, patienceMs, say, tell } from "./play.ts";

await demonstrate(startAwsCluster, play);

async function play({ aws, sandbox, fabric }: AwsCluster): Promise<void> {
  await apply(sandbox, { loadBalancerClass: "berth.dev/aws-nlb" });
  const hostname = await ingressOf(sandbox, "hostname");
  tellJournal(aws);
  const signal = AbortSignal.timeout(patienceMs);
  const paths = await eventually("every node answers the health checks", async () => {
    const found = await fabric.follow(signal);
    const reached = new Set(found.flatMap(({ targets }) => targets.map(({ instance }) => instance)));
    return reached.size === sandbox.nodes.length ? found : undefined;
  });
  for (const { zone, protocol, port, targets } of paths)
    say(`${zone} ${protocol} ${port} -> ${targets.map((target) => `${target.instance}:${target.port}`).join(", ")}`);
  const addresses = await fabric.resolve(hostname);
  say(`${hostname} is ${addresses.join(" and ")}`);
  for (const address of addresses) {
    const { pod, client } = await eventually("a client outside is answered", () =>
      ask(sandbox.client.exec, address, 80, signal).catch(() => undefined),
    );
    say(`http://${address}/ is answered by ${pod}, which sees ${client}`);
  }
  aws.journal.length = 0;
  say("\n$ kubectl delete service web");
  await sandbox.kubectl(["delete", "service", "web"]);
  tellJournal(aws);
  const { loadBalancers, targetGroups, groups } = aws.state;
  const made = [...groups.values()].filter(({ tags }) => tags.has("berth.dev/cluster"));
  const left = [...loadBalancers.values(), ...targetGroups.values(), ...made].map(({ name }) => name);
  say(`left for the next Service, for ten minutes: ${left.sort().join(", ")}, and what it opens the nodes to`);
}

function tellJournal({ journal }: AwsCluster["aws"]): void {
  const writes = journal.filter(({ isWrite }) => isWrite);
  tell(
    writes.map((entry) => `${entry.outcome} ${entry.action} ${subjectOf(entry)}`),
    journal.length - writes.length,
  );
}

/** The name of what is made, or what is changed. */
function subjectOf({ input }: Entry): string {
  const keys = ["Name", "GroupName", "TargetGroupArn", "LoadBalancerArn", "ListenerArn", "GroupId"];
  const [subject = ""] = keys.flatMap((key) => (input[key] === undefined ? [] : text(input, key)));
  const { Port: port, Targets = [] } = input as Readonly<Partial<RegisterTargetsInput & CreateListenerInput>>;
  const targets = Targets.map(({ Id, Port }) => `${Id}:${Port}`);
  return [subject.replace(/^arn:[^/]*\//, ""), ...(port === undefined ? [] : [`port ${port}`]), ...targets].join(" ");
}
