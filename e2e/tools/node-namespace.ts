// Network namespaces that stand for nodes, and the API server as it is seen from there.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Relay, startRelay } from "../../sandbox/cluster/index.ts";
import { addNetns, deleteNetns, type Exec, execOk, ipBatch, netnsExec, netnsPath } from "../../src/kernel/index.ts";
import { Child, type ChildOptions } from "../contract/child.ts";

/** A network namespace that is gone once disposed. */
export interface NodeNamespace extends AsyncDisposable {
  readonly netns: string;
  /** Runs programs inside. */
  readonly exec: Exec;
}

/** A node where nothing runs: loopback and an interface `eth0` with these addresses and no neighbour. */
export async function startNodeNamespace(
  host: Exec,
  netns: string,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<NodeNamespace> {
  await using stack = new AsyncDisposableStack();
  await addNetns(host, netns, { signal });
  stack.defer(() => deleteNetns(host, netns, { signal: new AbortController().signal }));
  const exec = netnsExec(host, netns);
  await execOk(exec, "sysctl", ["-q", "-w", "net.ipv6.conf.all.disable_ipv6=0"], { signal });
  await ipBatch(
    exec,
    [
      "link set lo up",
      "link add eth0 type veth peer name peer0",
      "link set peer0 up",
      "link set eth0 up",
      ...addresses.map((address) => `address add ${address} dev eth0`),
    ],
    { signal },
  );
  const owned = stack.move();
  return { netns, exec, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Starts a program inside; it sees our PATH and nothing else of the environment unless told otherwise. */
export function enterNetns(
  netns: string,
  program: string,
  args: readonly string[],
  { environment = { PATH: process.env["PATH"] ?? "" }, stdin = "" }: ChildOptions = {},
): Child {
  return new Child("nsenter", [`--net=${netnsPath(netns)}`, "--", program, ...args], { environment, stdin });
}

/** Makes an API server on the loopback address of the machine answer at the same address and port inside. */
export async function bringApiServer(netns: string, server: string): Promise<Pick<Relay, "cut"> & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "berth-relay-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const { hostname: host, port } = new URL(server);
  const path = join(directory, "relay.sock");
  const relay = stack.use(await startRelay({ host, port: Number(port) }, { path }));
  const main = new URL("../contract/relay-main.ts", import.meta.url).pathname;
  const near = stack.use(enterNetns(netns, process.execPath, [main, path, port]));
  await near.ready(({ stdout }) => stdout.endsWith("\n"));
  const owned = stack.move();
  return { cut: () => relay.cut(), [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
