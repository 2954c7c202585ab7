import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Sandbox, type SandboxNode, startSandbox } from "../../sandbox/cluster/index.ts";
import { createLogger } from "../../src/telemetry/index.ts";
import { type Contender, contendersOn } from "./contenders.ts";
import { Tools } from "./tools.ts";

/** A sandbox cluster of one node on which contenders live in turns, and the programs that they find there. */
export interface Place extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly node: SandboxNode;
  readonly tools: Tools;
  readonly contenders: readonly Contender[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export async function makePlace(signal: AbortSignal): Promise<Place> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "berth-bench-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const tools = new Tools(join(directory, "bin"));
  await tools.use("nft");
  // As `bin/berth` does: most of an agent's start is Node reading our sources.
  const cache = new URL("../../node_modules/.cache/berth", import.meta.url).pathname;
  const environment: Place["environment"] = {
    NODE_COMPILE_CACHE: cache,
    ...process.env,
    // The lock of legacy iptables is one for all network namespaces: nobody else's is waited for.
    XTABLES_LOCKFILE: join(directory, "xtables.lock"),
  };
  const sandbox = stack.use(
    await startSandbox({
      environment,
      signal,
      logger: createLogger({ level: "warn", format: "text", stream: process.stderr }),
      nodes: 1,
      components: { agents: false, controller: false },
      agentPath: tools.directory,
    }),
  );
  const [node] = sandbox.nodes;
  if (node === undefined) throw new Error("a sandbox without nodes");
  const contenders = contendersOn(sandbox, node, {
    ...environment,
    PATH: `${tools.directory}:${environment["PATH"] ?? ""}`,
  });
  const owned = stack.move();
  return { sandbox, node, tools, contenders, environment, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
