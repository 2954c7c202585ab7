// An agent of a test's own on a node of the sandbox: with other rights, another PATH, another view of the machine.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Sandbox, SandboxNode } from "../../sandbox/cluster/index.ts";
import { execOk, netnsPath } from "../../src/kernel/index.ts";
import { eventually, patienceMs } from "./cluster.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
const systemPath = "/usr/sbin:/usr/bin:/sbin:/bin";

export interface AgentProcessOptions {
  readonly kubeconfig?: string;
  readonly args?: readonly string[];
  /** A shell script, run in a mount namespace of its own before the agent is. */
  readonly mounts?: string;
  readonly path?: string;
  /** Where the log goes; kept here by default. */
  readonly logFile?: string;
}

export interface AgentProcess extends AsyncDisposable {
  readonly pid: number;
  log(): string;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  signal(name: NodeJS.Signals): void;
  /** Resolves when `/healthz` answers 200. */
  healthy(): Promise<AgentProcess>;
}

/** Starts an agent; disposing it kills it. */
export function startAgent(
  sandbox: Sandbox,
  node: SandboxNode,
  { kubeconfig, args = [], mounts = ":", path = systemPath, logFile }: AgentProcessOptions = {},
): AgentProcess {
  const flags = [
    `--kubeconfig=${kubeconfig ?? join(sandbox.runDir, "agent.kubeconfig")}`,
    `--node-name=${node.name}`,
    "--cluster-cidr=10.244.0.0/16,fd00:244::/56",
    "--iptables-min-sync-period=20ms",
    "--conntrack-max-per-core=0",
    "--oom-score-adj=0",
  ];
  const redirected = logFile === undefined ? "" : ` 2> ${logFile}`;
  const script = `${mounts}; exec setpriv --pdeathsig KILL -- env PATH=${path} "$@"${redirected}`;
  const prefix = [`--net=${netnsPath(node.netns)}`, "--", "unshare", "--mount", "sh", "-c", script, "sh"];
  const command = [process.execPath, "--disable-warning=ExperimentalWarning", main, "agent", ...flags, ...args];
  const child = spawn("nsenter", [...prefix, ...command], {
    env: { PATH: systemPath },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  const agent: AgentProcess = {
    pid: child.pid ?? 0,
    log: () => text,
    ended,
    signal: (name) => void child.kill(name),
    async healthy() {
      await eventually(async () => {
        if (child.exitCode !== null) return;
        await execOk(node.exec, "curl", ["-sf", "http://127.0.0.1:10256/healthz"], limit());
      });
      if (child.exitCode !== null) throw new Error(`the agent ended: ${text}`);
      return agent;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
  return agent;
}

export function limit(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(patienceMs) };
}

/** What one of the agent's pages says. */
export function page(node: SandboxNode, path: string): Promise<string> {
  return execOk(node.exec, "curl", ["-s", `http://127.0.0.1:10249${path}`], limit());
}
