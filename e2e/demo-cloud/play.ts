// What the demos of the clouds share.
import { stdout } from "node:process";
import type { Sandbox, SandboxOptions } from "../../sandbox/cluster/index.ts";
import { FailureError, orAborted, sleep } from "../../src/base/index.ts";
import { createLogger } from "../../src/telemetry/index.ts";

export const patienceMs = 60_000;

const labels = { app: "echo" };
const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "echo" },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [{ name: "echo", image: "berth.dev/echo", ports: [{ name: "http", containerPort: 8080 }] }],
      },
    },
  },
};

/** Plays in a cluster until it is over, or a signal ends it; either way nothing is left of it. */
export async function demonstrate<T extends AsyncDisposable>(
  start: (options: SandboxOptions) => Promise<T>,
  play: (cluster: T) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
    process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
  const { signal } = stop;
  const logger = createLogger({ level: "error", format: "text" });
  try {
    await using cluster = await start({ environment: process.env, logger, signal, onProgress: say });
    await orAborted(play(cluster), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    // What it waited for in vain would hold up the end.
    process.exit(130);
  }
}

/** Two echo pods and the Service `web` in front of them; `spec` says how it is to be reached. */
export async function apply(
  sandbox: Sandbox,
  spec: { readonly loadBalancerClass: string; readonly [field: string]: unknown },
): Promise<void> {
  say(`\n$ kubectl apply: two echo pods, and Service default/web of class ${spec.loadBalancerClass}`);
  const ports = [{ name: "http", port: 80, targetPort: 8080 }];
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { type: "LoadBalancer", selector: labels, ports, ...spec },
  };
  await sandbox.kubectl(
    ["apply", "-f", "-"],
    [deployment, service].map((item) => JSON.stringify(item)).join("\n---\n"),
  );
}

/** What the Service's status says of its load balancer, once it does. */
export async function ingressOf(sandbox: Sandbox, field: "ip" | "hostname"): Promise<string> {
  const path = `jsonpath={.status.loadBalancer.ingress[0].${field}}`;
  const found = await eventually(`the Service has an ${field}`, async () => {
    const text = await sandbox.kubectl(["get", "service", "web", "-o", path]);
    return text === "" ? undefined : text;
  });
  say(await sandbox.kubectl(["get", "service", "web"]));
  return found;
}

/** What was changed; how often only looked at. */
export function tell(changes: readonly string[], looks: number): void {
  for (const change of changes) say(`  ${change}`);
  say(`  and ${looks} requests that only look`);
}

export async function eventually<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const signal = AbortSignal.timeout(patienceMs);
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (signal.aborted) throw new FailureError(`${what}: not within ${patienceMs / 1000} s`);
    await sleep(100, new AbortController().signal);
  }
}

export function say(text: string): void {
  stdout.write(`${text.trimEnd()}\n`);
}
