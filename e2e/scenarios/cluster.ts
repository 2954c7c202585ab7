// What the scenarios share: a sandbox under test, echo pods and Services in it, and questions from any namespace.

import { type Sandbox, type SandboxOptions, startSandbox } from "../../sandbox/cluster/index.ts";
import { sleep } from "../../src/base/index.ts";
import { type Exec, execOk } from "../../src/kernel/index.ts";
import { createLogger } from "../../src/telemetry/index.ts";

/** A limit for what is awaited: far beyond what a slow machine needs, so that reaching it means that it never comes. */
export const patienceMs = 60_000;
export const askTool: string = new URL("../tools/ask.ts", import.meta.url).pathname;

export function startCluster(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  return startSandbox({
    environment: process.env,
    logger: createLogger({ level: "error", format: "text" }),
    signal: new AbortController().signal,
    ...options,
  });
}

/** Asks until `probe` stops throwing; throws its last error when patience ends. */
export async function eventually<T>(probe: () => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(patienceMs);
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (signal.aborted) throw error;
    }
    await sleep(50, new AbortController().signal);
  }
}

export interface EchoOptions {
  readonly name: string;
  readonly replicas: number;
  readonly service?: object;
  readonly node?: string;
}

/** Applies a Deployment of echo pods and a dual-stack LoadBalancer Service `name`; resolves when the pods are ready. */
export async function applyEcho(sandbox: Sandbox, { name, replicas, service = {}, node }: EchoOptions): Promise<void> {
  const labels = { app: name };
  const ports = [
    { name: "http", containerPort: 8080, protocol: "TCP" },
    { name: "udp", containerPort: 5353, protocol: "UDP" },
  ];
  const pod = {
    ...(node === undefined ? {} : { nodeName: node }),
    containers: [{ name: "echo", image: "berth.dev/echo", ports }],
  };
  const items = [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name },
      spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: {
        type: "LoadBalancer",
        selector: labels,
        ipFamilyPolicy: "PreferDualStack",
        ports: [
          { name: "http", port: 80, targetPort: 8080, protocol: "TCP" },
          { name: "udp", port: 5353, targetPort: 5353, protocol: "UDP" },
        ],
        ...service,
      },
    },
  ];
  await sandbox.kubectl(["apply", "-f", "-"], items.map((item) => JSON.stringify(item)).join("\n---\n"));
  await sandbox.kubectl(["rollout", "status", `deployment/${name}`, "--timeout=60s"]);
}

export interface ServiceView {
  readonly metadata: { readonly finalizers?: readonly string[]; readonly uid: string };
  readonly spec: {
    readonly clusterIPs: readonly string[];
    readonly ports: readonly { readonly name: string; readonly port: number; readonly nodePort: number }[];
  };
  readonly status: {
    readonly loadBalancer: {
      readonly ingress?: readonly { readonly ip: string; readonly ipMode: string; readonly hostname?: string }[];
    };
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

export async function serviceView(sandbox: Sandbox, name: string): Promise<ServiceView> {
  return JSON.parse(await sandbox.kubectl(["get", "service", name, "-o", "json"])) as ServiceView;
}

/** The Service once it has as many addresses as asked for. */
export function withAddresses(sandbox: Sandbox, name: string, count: number): Promise<ServiceView> {
  return eventually(async () => {
    const service = await serviceView(sandbox, name);
    const got = service.status.loadBalancer.ingress ?? [];
    if (got.length < count) throw new Error(`${name} has ${got.length} of ${count} addresses`);
    return service;
  });
}

export interface PodView {
  readonly name: string;
  readonly node: string;
  readonly netns: string;
  readonly ips: readonly string[];
}

export async function podViews(sandbox: Sandbox, app: string): Promise<readonly PodView[]> {
  const { items } = JSON.parse(await sandbox.kubectl(["get", "pods", "-l", `app=${app}`, "-o", "json"])) as {
    items: {
      metadata: { name: string; namespace: string; deletionTimestamp?: string };
      spec: { nodeName: string };
      status: { podIPs?: { ip: string }[] };
    }[];
  };
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata: { name, namespace }, spec, status }) => ({
      name,
      node: spec.nodeName,
      netns: `berth-${sandbox.id}-pod-${namespace}.${name}`,
      ips: (status.podIPs ?? []).map(({ ip }) => ip),
    }));
}

export interface Answer {
  readonly pod?: string;
  readonly node?: string;
  readonly client?: string;
  readonly error?: string;
}

/** `count` questions, each over a new connection or socket, from where `exec` runs. */
export async function ask(
  exec: Exec,
  protocol: "http" | "udp",
  address: string,
  port: number,
  count = 1,
): Promise<readonly Answer[]> {
  const args = [askTool, protocol, address, `${port}`, `${count}`];
  const text = await execOk(exec, process.execPath, args, { signal: AbortSignal.timeout(patienceMs) });
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
}

/** The answer to one question, asked again until a pod answers it. */
export function answered(exec: Exec, protocol: "http" | "udp", address: string, port: number): Promise<Answer> {
  return eventually(async () => {
    const [answer = {}] = await ask(exec, protocol, address, port);
    if (answer.error !== undefined) throw new Error(`${protocol} ${address} port ${port}: ${answer.error}`);
    return answer;
  });
}
