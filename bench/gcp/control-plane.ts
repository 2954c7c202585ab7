import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "../../e2e/contract/child.ts";
import { serviceCidr } from "../../e2e/contract/target.ts";

/** `berth apiserver` as a process of its own: the controller's Lease must not wait for what this process is busy with. */
export class ControlPlaneProcess implements AsyncDisposable {
  readonly kubeconfig: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(kubeconfig: string, stack: AsyncDisposableStack) {
    this.kubeconfig = kubeconfig;
    this.#stack = stack;
  }

  static async start(): Promise<ControlPlaneProcess> {
    await using stack = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), "berth-bench-apiserver-"));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    const kubeconfig = join(directory, "kubeconfig");
    const berth = new URL("../../bin/berth", import.meta.url).pathname;
    const flags = [`--service-cidr=${serviceCidr}`, `--kubeconfig-out=${kubeconfig}`];
    const child = stack.use(new Child(berth, ["apiserver", ...flags], { environment: { PATH: "/usr/bin:/bin" } }));
    await child.ready(({ stdout }) => stdout.startsWith("ready "));
    return new ControlPlaneProcess(kubeconfig, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
