import { dirname } from "node:path";
import { Child } from "../../e2e/contract/child.ts";
import { kubectlPath } from "../../e2e/contract/kubectl/run.ts";

/** Lets an API server know our own kinds. */
export async function defineKinds(kubeconfig: string): Promise<void> {
  const files = new URL("../../charts/berth/files/crds/", import.meta.url).pathname;
  // It keeps what it has discovered below its home.
  const environment = { KUBECONFIG: kubeconfig, HOME: dirname(kubeconfig), PATH: "/usr/bin:/bin" };
  for (const words of [
    ["apply", `--filename=${files}`],
    ["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"],
  ]) {
    await using child = new Child(kubectlPath, words, { environment });
    if ((await child.end()) !== 0) throw child.failure("failed");
  }
}
