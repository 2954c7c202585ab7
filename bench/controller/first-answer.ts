// `node bench/controller/first-answer.ts [50]`: how long a LoadBalancer Service takes from its creation to the first
// HTTP 200 outside, in a sandbox cluster with three agents, the controller and provider `proxy`: one Service at a time,
// each made, answered and deleted so many times.
import { type Sandbox, startSandbox } from "../../sandbox/cluster/index.ts";
import { type Service, services } from "../../src/api/index.ts";
import { FailureError } from "../../src/base/index.ts";
import { KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import { createLogger, createMetrics } from "../../src/telemetry/index.ts";
import { asCommand } from "../command.ts";
import { markdownTable, milliseconds } from "../comparison.ts";
import { parseCount } from "../count.ts";
import { type EchoPods, echoPort, startEchoPods } from "../echo.ts";
import { instant } from "../instant.ts";
import { Prober } from "../prober.ts";
import { summarize } from "../statistics.ts";

const namespace = "default";
const port = 80;
const environment = {
  NODE_COMPILE_CACHE: new URL("../../node_modules/.cache/berth", import.meta.url).pathname,
  ...process.env,
};

/** In milliseconds: the first two since it was made, the last since its deletion. */
interface Life {
  readonly addressMs: number;
  readonly answerMs: number;
  readonly goneMs: number;
}

async function run(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const rounds = parseCount("rounds", argv[0] ?? "50", 1000);
  const logger = createLogger({ level: "warn", format: "text", stream: process.stderr });
  await using sandbox = await startSandbox({ environment, signal, logger });
  const pods = await startEchoPods(sandbox);
  const lives = await livesOf(sandbox, pods, rounds, signal);
  const measures: readonly (readonly [string, (life: Life) => number])[] = [
    ["made to EXTERNAL-IP", (life) => life.addressMs],
    ["made to first 200 outside", (life) => life.answerMs],
    ["deleted to gone", (life) => life.goneMs],
  ];
  const rows = measures.map(([name, of]) => {
    const { count, median, p99, max } = summarize(lives.map(of));
    return [name, `${count}`, milliseconds(median), milliseconds(p99), milliseconds(max)];
  });
  process.stdout.write(`${markdownTable([["measure", "samples", "p50", "p99", "max"], ...rows])}\n`);
}

async function livesOf(sandbox: Sandbox, pods: EchoPods, rounds: number, signal: AbortSignal): Promise<Life[]> {
  const connection = await loadKubeconfig(sandbox.kubeconfig);
  await using client = new KubeClient({ connection, metrics: createMetrics() });
  await using prober = new Prober(sandbox.client.netns, environment);
  const names = [...pods.first, ...pods.second].map(({ name }) => name);
  const lives: Life[] = [];
  for (let round = 0; round < rounds; round++) {
    const service = serviceOf(`first-${round}`);
    const made = instant();
    const { metadata } = await client.create(services, service, signal);
    const host = await addressOf(client, metadata.name ?? "", metadata.resourceVersion ?? "", signal);
    const addressMs = instant() - made;
    const answerMs = (await prober.firstAnswer({ host, port, pods: names })) - made;
    lives.push({ addressMs, answerMs, goneMs: await deletionMs(client, metadata.name ?? "", signal) });
  }
  return lives;
}

function serviceOf(name: string): Service {
  const ports = [{ port, targetPort: echoPort, protocol: "TCP" }];
  return { metadata: { namespace, name }, spec: { type: "LoadBalancer", selector: { app: "echo" }, ports } };
}

async function addressOf(client: KubeClient, name: string, since: string, signal: AbortSignal): Promise<string> {
  return await watched(client, name, since, signal, (_, { status }) => status?.loadBalancer?.ingress?.[0]?.ip);
}

async function deletionMs(client: KubeClient, name: string, signal: AbortSignal): Promise<number> {
  const { metadata } = await client.get(services, { namespace, name }, signal);
  const deleted = instant();
  await client.delete(services, { namespace, name }, signal);
  const gone = (type: string): true | undefined => (type === "DELETED" ? true : undefined);
  await watched(client, name, metadata.resourceVersion ?? "", signal, gone);
  return instant() - deleted;
}

/** The first thing that `find` finds in what happens to the Service. */
async function watched<T>(
  client: KubeClient,
  name: string,
  resourceVersion: string,
  signal: AbortSignal,
  find: (type: string, service: Service) => T | undefined,
): Promise<T> {
  const query = { watch: true, fieldSelector: `metadata.name=${name}`, resourceVersion };
  for await (const { type, object } of client.watch<Service>(
    `/api/v1/namespaces/${namespace}/services`,
    query,
    signal,
  )) {
    const found = find(type, object);
    if (found !== undefined) return found;
  }
  throw new FailureError(`the watch of Service ${name} ended`);
}

await asCommand("bench/controller/first-answer", run);
