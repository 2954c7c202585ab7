import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "../contract/child.ts";
import { nodePortRange, serviceCidr } from "../contract/target.ts";

/** The sandbox's API server as a process of its own, whose memory can be told from ours. */
export interface SandboxProcess extends AsyncDisposable {
  readonly kubeconfig: string;
  residentBytes(): Promise<number>;
}

export const sandboxProcess: { readonly name: string; start(): Promise<SandboxProcess> } = {
  name: "the sandbox",
  async start() {
    await using stack = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), "berth-churn-sandbox-"));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    const kubeconfig = join(directory, "kubeconfig");
    const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
    const flags = [
      `--service-cidr=${serviceCidr}`,
      `--node-port-range=${nodePortRange}`,
      `--kubeconfig-out=${kubeconfig}`,
    ];
    const child = stack.use(new Child(process.execPath, [main, "apiserver", ...flags]));
    await child.ready(({ stdout }) => stdout.includes("ready"));
    const owned = stack.move();
    return {
      kubeconfig,
      async residentBytes() {
        const status = await readFile(`/proc/${child.pid}/status`, "utf8");
        return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  },
};
