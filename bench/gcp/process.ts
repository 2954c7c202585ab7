// The controller as a process: from sources and as the image's program, with and without this provider, and while
// everything that it asks of Compute Engine is refused.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { setTimeout } from "node:timers/promises";
import { bundle } from "../../images/bundle.ts";
import { images } from "../../images/contents.ts";
import { FakeGce, type Machine } from "../../sandbox/gce/index.ts";
import { type Lease, leases, namespaces, nodes, type Service, services } from "../../src/api/index.ts";
import { KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import { createMetrics } from "../../src/telemetry/index.ts";
import { markdownTable, mebibytes, milliseconds } from "../comparison.ts";
import { defineKinds } from "../controller/kinds.ts";
import type { LongestBlocks } from "../kube/block-probe.ts";
import { ControlPlaneProcess } from "./control-plane.ts";
import { ControllerProcess, type Program } from "./controller.ts";
import type { Flags } from "./flags.ts";

const project = "shop";
const region = "europe-west1";
const machines: readonly Machine[] = ["b", "c", "d"].map((zone, i) => ({
  name: `m${i}`,
  zone: `${region}-${zone}`,
  address: `10.0.0.${i + 1}`,
  subnetwork: "nodes",
}));
/** As many requests to the API server are on their way at a time. */
const writers = 16;
/** So long without a request, and it has come to rest. */
const quietMs = 5000;

/** A cluster on Compute Engine, each as the sandbox plays it, without agents and packets. */
interface Stage {
  readonly gce: FakeGce;
  readonly client: KubeClient;
  readonly kubeconfig: string;
  readonly count: number;
}

/** A Markdown table. */
export async function tableOfProcess({ services: count, seconds }: Flags, signal: AbortSignal): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "berth-bench-gcp-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  await bundle(images["berth-controller"], directory);
  const programs: Readonly<Record<string, Program>> = {
    "the image's program": [execPath, join(directory, "berth.mjs")],
    "from sources": [new URL("../../bin/berth", import.meta.url).pathname],
  };
  const rows: string[][] = [];
  for (const [name, program] of Object.entries(programs)) {
    const idle = await idleBytes(program, signal);
    rows.push([`RSS without Services, ${name}, providers node / aws-nlb / gcp-l4`, idle.map(mebibytes).join(" / ")]);
  }
  const { controlPlane, gce, client } = await begin(stack);
  const stage: Stage = { gce, client, kubeconfig: controlPlane, count };
  await createCluster(stage, signal);
  for (const [name, program] of Object.entries(programs))
    rows.push(...(await lifeOf(stage, name, program, seconds, signal)));
  return markdownTable([["measure", `${count} Services`], ...rows]);
}

async function begin(
  stack: AsyncDisposableStack,
): Promise<{ readonly controlPlane: string; readonly gce: FakeGce; readonly client: KubeClient }> {
  const { kubeconfig } = stack.use(await ControlPlaneProcess.start());
  await defineKinds(kubeconfig);
  const client = stack.use(new KubeClient({ connection: await loadKubeconfig(kubeconfig), metrics: createMetrics() }));
  const place = { project, region, network: "default", subnetworks: ["nodes"] };
  const gce = stack.use(await FakeGce.start({ ...place, machines, probe: () => true, steps: 0 }));
  return { controlPlane: kubeconfig, gce, client };
}

/** Of the providers `node`, `aws-nlb` and `gcp-l4`, each alone and without a Service. */
async function idleBytes(program: Program, signal: AbortSignal): Promise<readonly number[]> {
  await using stack = new AsyncDisposableStack();
  const { controlPlane, gce } = await begin(stack);
  const found: number[] = [];
  for (const flags of [
    ["--providers=node"],
    [
      "--providers=aws-nlb",
      "--aws-nlb-region=eu-west-1",
      "--aws-nlb-vpc-id=vpc-12345678",
      `--aws-nlb-endpoint=${gce.url.origin}`,
    ],
    gcpFlags(gce),
  ]) {
    await using controller = await ControllerProcess.start(program, [`--kubeconfig=${controlPlane}`, ...flags]);
    await controller.ready(0, signal);
    await setTimeout(quietMs, undefined, { signal });
    found.push(controller.residentBytes);
  }
  return found;
}

async function lifeOf(
  { gce, client, kubeconfig, count }: Stage,
  name: string,
  program: Program,
  seconds: number,
  signal: AbortSignal,
): Promise<string[][]> {
  gce.journal.length = 0;
  await using controller = await ControllerProcess.start(program, [`--kubeconfig=${kubeconfig}`, ...gcpFlags(gce)]);
  await controller.ready(count, signal);
  await quiet(controller, gce, signal);
  const rows = [[`RSS with all of them ready, ${name}`, mebibytes(controller.residentBytes)]];
  rows.push([`requests of its start, ${name}`, journalText(gce)]);
  for (const [what, reason] of [
    ["nothing refused", undefined],
    ["all refused: forbidden", "forbidden"],
    ["all refused: too many requests", "rateLimitExceeded"],
  ] as const) {
    gce.faults.length = 0;
    if (reason !== undefined)
      gce.faults.push({ fits: () => true, how: { kind: "answer", status: 403, body: refusal(reason) } });
    rows.push([
      `${what}, every Service changed, ${name}`,
      await storm(controller, { gce, client, count }, seconds, signal),
    ]);
  }
  gce.faults.length = 0;
  return rows;
}

/** What becomes of the process when every Service changes at once. */
async function storm(
  controller: ControllerProcess,
  { gce, client, count }: Pick<Stage, "gce" | "client" | "count">,
  seconds: number,
  signal: AbortSignal,
): Promise<string> {
  await controller.blocks();
  gce.journal.length = 0;
  const before = await leaseOf(client, signal);
  const mark = `${performance.now()}`;
  const end = performance.now() + seconds * 1000;
  await inParallel(count, async (i) => {
    const body = { metadata: { annotations: { "example.com/mark": mark } } };
    await client.patch(services, { namespace: "default", name: nameOf(i) }, { type: "merge", body }, signal);
  });
  let longest = 0;
  let last = before.spec?.renewTime;
  for (let since = performance.now(); performance.now() < end; ) {
    await setTimeout(200, undefined, { signal });
    const renewed = (await leaseOf(client, signal)).spec?.renewTime;
    if (renewed === last) continue;
    longest = Math.max(longest, performance.now() - since);
    [last, since] = [renewed, performance.now()];
  }
  const blocks: LongestBlocks = await controller.blocks();
  const after = await leaseOf(client, signal);
  const isKept = after.spec?.holderIdentity === before.spec?.holderIdentity;
  const refused = gce.journal.filter(({ status }) => status === 403).length;
  return [
    `${refused} refusals of ${gce.journal.length} requests in ${seconds} s`,
    `event loop blocked ${milliseconds(blocks.wallMs)} at most (${milliseconds(blocks.cpuMs)} of it computing)`,
    `lease ${isKept ? "kept" : "lost"}, renewed every ${milliseconds(longest)} at most`,
  ].join("; ");
}

/** Nothing is asked of Compute Engine any more. */
async function quiet(controller: ControllerProcess, gce: FakeGce, signal: AbortSignal): Promise<void> {
  let [seen, since] = [gce.journal.length, performance.now()];
  await controller.until(() => {
    if (gce.journal.length !== seen) [seen, since] = [gce.journal.length, performance.now()];
    return performance.now() - since >= quietMs;
  }, signal);
}

function journalText({ journal }: FakeGce): string {
  const count = (isOne: (entry: (typeof journal)[number]) => boolean): number => journal.filter(isOne).length;
  const polls = count(({ path }) => path.includes("/operations/"));
  const lists = count(({ method }) => method === "list" || method === "aggregatedList");
  const members = count(({ method }) => method === "listNetworkEndpoints" || method === "getHealth");
  const writes = count(({ isWrite }) => isWrite);
  return `${writes} writes, ${lists} lists, ${members} of members and health, ${polls} polls`;
}

async function createCluster({ client, count }: Stage, signal: AbortSignal): Promise<void> {
  await client.create(namespaces, { metadata: { name: "berth-node-lease" } }, signal);
  for (const { name, zone, address } of machines)
    await client.create(
      nodes,
      {
        metadata: { name },
        spec: { providerID: `gce://${project}/${zone}/${name}` },
        status: { addresses: [{ type: "InternalIP", address }] },
      },
      signal,
    );
  await inParallel(count, (i) => client.create(services, serviceOf(i), signal));
}

function serviceOf(i: number): Service {
  return {
    metadata: { namespace: "default", name: nameOf(i) },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: "berth.dev/gcp-l4",
      allocateLoadBalancerNodePorts: false,
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
    },
  };
}

function nameOf(i: number): string {
  return `web-${i}`;
}

function gcpFlags(gce: FakeGce): readonly string[] {
  return [
    "--providers=gcp-l4",
    `--gcp-l4-project=${project}`,
    `--gcp-l4-region=${region}`,
    "--gcp-l4-subnetwork=nodes",
    `--gcp-l4-endpoint=${gce.url.origin}`,
  ];
}

/** With the details that make the client read all of its definitions anew. */
function refusal(reason: string): object {
  const message = "Required 'compute.x' permission";
  const info = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    reason: reason === "forbidden" ? "IAM_PERMISSION_DENIED" : "RATE_LIMIT_EXCEEDED",
    domain: "googleapis.com",
    metadata: { service: "compute.googleapis.com" },
  };
  return { error: { code: 403, message, errors: [{ message, domain: "global", reason }], details: [info] } };
}

async function leaseOf(client: KubeClient, signal: AbortSignal): Promise<Lease> {
  return await client.get(leases, { namespace: "kube-system", name: "berth-controller" }, signal);
}

async function inParallel(count: number, run: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: Math.min(writers, count) }, work));
}
