// `node bench/agent/rollout.ts`: replaces 100 pods behind a NodePort one after the other, under 500 new connections a
// second from outside, once with each contender. A pod serves on for five seconds after it was told to end, as those
// do that are made for rolling updates: what fails then, fails because rules came late.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { FailureError, sleep } from "../../src/base/index.ts";
import { netnsPath } from "../../src/kernel/index.ts";
import { asCommand } from "../command.ts";
import { markdownTable } from "../comparison.ts";
import { parseCount } from "../count.ts";
import { echoPort } from "../echo.ts";
import { instant } from "../instant.ts";
import { type Contender, requireKubeProxy } from "./contenders.ts";
import { removeRules } from "./life.ts";
import { makePlace, type Place } from "./stage.ts";

const perSecond = 500;
const drainMs = 5_000;
const name = "rolled";

type Load = ChildProcessByStdio<null, Readable, null>;

interface Outcome {
  readonly seconds: number;
  readonly answered: number;
  readonly failures: readonly string[];
}

async function run(argv: readonly string[], signal: AbortSignal): Promise<void> {
  requireKubeProxy();
  const replicas = parseCount("pods", argv[0] ?? "100", 120);
  await using place = await makePlace(signal);
  await place.sandbox.kubectl(["apply", "-f", "-"], manifest(replicas));
  await untilRolled(place);
  const rows: string[][] = [["contender", "pods replaced", "seconds", "answered", "failed"]];
  for (const contender of place.contenders) {
    const { seconds, answered, failures } = await roll(place, contender, signal);
    rows.push([contender.name, `${replicas}`, seconds.toFixed(0), `${answered}`, `${failures.length}`]);
    process.stderr.write(`${contender.name}: ${answered} answered, failed: ${JSON.stringify(counts(failures))}\n`);
  }
  process.stdout.write(`${markdownTable(rows)}\n`);
}

async function roll(place: Place, { program }: Contender, signal: AbortSignal): Promise<Outcome> {
  const { sandbox, node } = place;
  await removeRules(node, signal);
  await program.start();
  try {
    const port = await nodePort(place);
    await untilAnswered(place, port, signal);
    const load = startLoad(place, port);
    try {
      await once(load.stdout, "data");
      const begin = instant();
      await sandbox.kubectl(["rollout", "restart", `deployment/${name}`]);
      await untilRolled(place);
      const seconds = (instant() - begin) / 1000;
      return { seconds, ...(await endLoad(load)) };
    } finally {
      load.kill("SIGKILL");
    }
  } finally {
    await program.stop();
  }
}

function startLoad({ sandbox, node, environment }: Place, port: number): Load {
  const tool = new URL("../../e2e/tools/load.ts", import.meta.url).pathname;
  const target = [node.addresses[0] ?? "", `${port}`, `${perSecond}`];
  const enter = ["--pdeathsig", "KILL", "--", "nsenter", `--net=${netnsPath(sandbox.client.netns)}`, "--"];
  return spawn("setpriv", [...enter, process.execPath, tool, ...target], {
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function endLoad(load: Load): Promise<Omit<Outcome, "seconds">> {
  let text = "";
  load.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  load.kill("SIGTERM");
  await once(load, "close");
  const [last] = text.trimEnd().split("\n").slice(-1);
  return JSON.parse(last ?? "") as Omit<Outcome, "seconds">;
}

async function untilRolled({ sandbox }: Place): Promise<void> {
  await sandbox.kubectl(["rollout", "status", `deployment/${name}`, "--timeout=300s"]);
}

async function untilAnswered({ sandbox, node }: Place, port: number, signal: AbortSignal): Promise<void> {
  const args = ["-sf", "-o", "/dev/null", `http://${node.addresses[0]}:${port}/`];
  while ((await sandbox.client.exec.run("curl", args, { signal })).code !== 0) await sleep(50, signal);
}

async function nodePort({ sandbox }: Place): Promise<number> {
  const port = await sandbox.kubectl(["get", "service", name, "-o", "jsonpath={.spec.ports[0].nodePort}"]);
  if (port === "") throw new FailureError(`Service ${name} has no NodePort`);
  return Number(port);
}

function manifest(replicas: number): string {
  const labels = { app: name };
  const container = {
    name: "echo",
    image: "berth.dev/echo",
    ports: [{ containerPort: echoPort }],
    env: [{ name: "ECHO_DRAIN_MS", value: `${drainMs}` }],
  };
  const template = { metadata: { labels }, spec: { containers: [container] } };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: { replicas, selector: { matchLabels: labels }, template },
  };
  const ports = [{ port: 80, targetPort: echoPort }];
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { type: "NodePort", selector: labels, ports },
  };
  return [deployment, service].map((item) => JSON.stringify(item)).join("\n---\n");
}

function counts(failures: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const failure of failures) found[failure] = (found[failure] ?? 0) + 1;
  return found;
}

await asCommand("bench/agent/rollout", run);
