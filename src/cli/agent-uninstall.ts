// `berth agent uninstall`: has the agents of all nodes take their rules away, by their DaemonSet, and waits for it.
import { type Command, Option } from "commander";
import type { Resource } from "../api/index.ts";
import { errorMessage, FailureError, sleep, systemClock } from "../base/index.ts";
import { isConflict, isForbidden, isNotFound, type KubeClient, type KubeObject } from "../kube/index.ts";
import { createMetrics } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { addConnectionFlags, type ConnectionFlags, connect, workOnceAnswered } from "./connection.ts";
import { parseDuration } from "./flags.ts";
import { formatMs } from "./go-duration.ts";

interface Flags extends ConnectionFlags {
  readonly daemonset: string;
  readonly namespace: string;
  readonly timeout: number;
}

/** What is read of one. */
export interface DaemonSet extends KubeObject {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
  readonly status?: Readonly<
    Partial<Record<"observedGeneration" | "desiredNumberScheduled" | "updatedNumberScheduled" | "numberReady", number>>
  >;
}

interface Container {
  readonly args?: readonly string[];
}

const daemonSets: Resource<DaemonSet> = {
  group: "apps",
  version: "v1",
  kind: "DaemonSet",
  plural: "daemonsets",
  namespaced: true,
};
const lookMs = 500;
const cleaner = "--cleanup-and-stay";

const helpText = `
Services stop working on all nodes but those where another proxy is alive, which keep its rules. The DaemonSet stays, with pods
that do nothing more: delete it then.
Exit code 0: no node has rules of the agents; 1: some still have, or it could not be seen, run it again; 2: wrong use.`;

export function defineUninstall(command: Command, process: Process): void {
  addConnectionFlags(command.command("uninstall"))
    .description(
      "replace the agents of a DaemonSet by pods that remove the rules of their nodes, wait for all, and exit",
    )
    .option("--namespace <name>", "where the DaemonSet is", process.environment["POD_NAMESPACE"] ?? "kube-system")
    .option("--daemonset <name>", "its name", "berth-agent")
    .addOption(
      new Option("--timeout <duration>", "a node that is not clean after so long is a failure")
        .default(240_000, "4m")
        .argParser(parseDuration("--timeout")),
    )
    .addHelpText("after", helpText)
    // The agent's own flags of these names are heard behind the sub-command too.
    .action((_flags: unknown, self: Command) => run(self.optsWithGlobals<Flags>(), process));
}

async function run(flags: Flags, process: Process): Promise<void> {
  const connection = await connect(flags, process, createMetrics());
  await using client = connection.client;
  await workOnceAnswered(connection, flags, process.signal, async (signal) => {
    const clean = await cleanNodes(client, flags, signal);
    process.stdout.write(`${clean} nodes are clean\n`);
  });
}

/** The number of nodes. Throws FailureError. */
export async function cleanNodes(
  client: Pick<KubeClient, "get" | "mergePatch">,
  { namespace, daemonset: name, timeout }: Pick<Flags, "namespace" | "daemonset" | "timeout">,
  signal: AbortSignal,
): Promise<number> {
  const deadline = systemClock.monotonic() + timeout;
  for (;;) {
    const found = await asking(`get, patch daemonsets.apps ${name} in ${namespace}`, () =>
      step(client, { namespace, name }, signal),
    );
    if (found === undefined) return 0;
    const { clean, nodes, isOver } = found;
    if (isOver) return nodes;
    if (systemClock.monotonic() >= deadline)
      throw new FailureError(
        `${clean} of ${nodes} nodes are clean after ${formatMs(timeout)}; see why others are not by \`kubectl --namespace ${namespace} get pods --selector app.kubernetes.io/component=agent --output wide\`, and run it again: a node that is gone for good wants its Node deleted`,
      );
    await sleep(lookMs, signal);
  }
}

interface Progress {
  readonly clean: number;
  readonly nodes: number;
  readonly isOver: boolean;
}

/** Undefined without the DaemonSet. */
async function step(
  client: Pick<KubeClient, "get" | "mergePatch">,
  at: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<Progress | undefined> {
  let found: DaemonSet;
  try {
    found = await client.get(daemonSets, at, signal);
    const patch = cleanerPatch(found);
    if (patch !== undefined) found = await client.mergePatch(daemonSets, found, patch, signal);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    // Its controller writes its status all the time.
    if (isConflict(error)) return { clean: 0, nodes: 0, isOver: false };
    throw error;
  }
  return progressOf(found);
}

/** Undefined when its pods clean up already. */
function cleanerPatch({ spec }: DaemonSet): object | undefined {
  const { containers } = spec.template.spec;
  if (containers.every(({ args = [] }) => args.includes(cleaner))) return undefined;
  return {
    spec: {
      // Nobody waits for the rules of one node before those of the next go.
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "100%", maxSurge: 0 } },
      template: {
        spec: {
          containers: containers.map((container) => ({ ...container, args: [...(container.args ?? []), cleaner] })),
        },
      },
    },
  };
}

function progressOf({ metadata: { generation = 0 }, status = {} }: DaemonSet): Progress {
  const {
    observedGeneration = 0,
    desiredNumberScheduled: nodes = 0,
    updatedNumberScheduled = 0,
    numberReady = 0,
  } = status;
  const isCurrent = observedGeneration >= generation;
  const clean = isCurrent ? Math.min(updatedNumberScheduled, numberReady) : 0;
  return { clean, nodes, isOver: isCurrent && clean >= nodes };
}

async function asking<T>(right: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isForbidden(error)) throw error;
    throw new FailureError(
      `${errorMessage(error)}; allow \`${right}\`, as the role berth-uninstall-agent of the chart does`,
      { cause: error },
    );
  }
}
