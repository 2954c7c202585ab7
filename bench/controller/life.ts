import { setTimeout } from "node:timers/promises";
import { Child } from "../../e2e/contract/child.ts";
import type { Access, ControlPlane } from "../../e2e/contract/target.ts";
import { freePort } from "../../src/telemetry/testing/free-port.ts";
import { instant } from "../instant.ts";
import { type Usage, usageOf } from "../proc.ts";
import { isRenewal } from "./cluster.ts";

/** Which controller is looked at. */
export interface Subject {
  readonly contender: string;
  /** The program and what it is told beside what all are told. */
  readonly command: readonly [program: string, ...words: string[]];
  readonly environment: Readonly<Record<string, string>>;
}

/** What one life of the controller showed. */
export interface Life {
  readonly contender: string;
  /** From the start of its process until `/readyz` says so. */
  readonly readyMs: number;
  /** From then on until each Service was looked at and found served. */
  readonly reconciledMs: number;
  readonly usage: Usage;
  /** What it held once it was at rest. */
  readonly restBytes: number;
  /** The controller's, by the API server's own records, until nothing more comes. */
  readonly accesses: readonly Access[];
}

/** Far beyond what anybody needs: reaching it means that it never comes. */
const patienceMs = 3_600_000;
/** After so long without a request the controller has no more to say. */
const quietMs = 3000;
const pollMs = 20;

/** Lets `berth controller` live until it is at rest, and ends it as SIGTERM does. */
export async function live(
  { contender, command: [program, ...words], environment }: Subject,
  controlPlane: ControlPlane,
  services: number,
  signal: AbortSignal,
): Promise<Life> {
  const before = (await controlPlane.accesses()).length;
  const address = `127.0.0.1:${await freePort()}`;
  const begin = instant();
  await using child = new Child(
    program,
    [
      ...words,
      `--kubeconfig=${controlPlane.kubeconfig}`,
      `--metrics-bind-address=${address}`,
      `--health-bind-address=${address}`,
      "--log-level=warn",
    ],
    { environment: { PATH: "/usr/bin:/bin", ...environment } },
  );
  await until(async () => (await page(address, "/readyz")) !== undefined);
  const readyMs = instant() - begin;
  await until(async () => isDone((await page(address, "/metrics")) ?? "", services));
  const reconciledMs = instant() - begin;
  if (child.pid === undefined) throw child.failure("did not start");
  const usage = usageOf(child.pid);
  let [seen, quietSince] = [0, instant()];
  await until(async () => {
    // Its Lease it renews for as long as it lives.
    const { length } = (await newAccesses()).filter(({ resource }) => resource !== "leases");
    if (length !== seen) [seen, quietSince] = [length, instant()];
    return instant() - quietSince >= quietMs;
  });
  const restBytes = usageOf(child.pid).residentBytes;
  child.signal("SIGTERM");
  if ((await child.end()) !== 0) throw child.failure("did not end in order");
  return { contender, readyMs, reconciledMs, usage, restBytes, accesses: await newAccesses() };

  async function newAccesses(): Promise<readonly Access[]> {
    return (await controlPlane.accesses()).slice(before).filter((access) => !isRenewal(access));
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    const end = instant() + patienceMs;
    while (!(await condition())) {
      if (!child.running || instant() > end) throw child.failure("did not come to rest");
      await setTimeout(pollMs, undefined, { signal });
    }
  }
}

/** A page that answers 200; nothing while it does not. */
async function page(address: string, path: string): Promise<string | undefined> {
  try {
    const answer = await fetch(`http://${address}${path}`);
    const text = await answer.text();
    return answer.ok ? text : undefined;
  } catch {
    return undefined;
  }
}

function isDone(metrics: string, services: number): boolean {
  const value = (line: RegExp): number => Number(line.exec(metrics)?.[1] ?? Number.NaN);
  return (
    value(/^lb_service_state\{state="ready"\} (\d+)$/m) === services &&
    value(/^workqueue_depth\{name="service"\} (\d+)$/m) === 0 &&
    value(/^controller_runtime_active_workers\{controller="service"\} (\d+)$/m) === 0
  );
}
