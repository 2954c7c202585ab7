// Records what the real kube-apiserver answers to the scripts: `node e2e/contract/record.ts`.
import { errorMessage, FailureError } from "../../src/base/index.ts";
import { startControlPlane } from "./control-plane.ts";
import { type Entry as Answer, httpTranscript, runExchanges } from "./http/run.ts";
import { exchanges } from "./http/script.ts";
import { kubectlTranscript, type Entry as Output, runScript } from "./kubectl/run.ts";
import { script } from "./kubectl/script.ts";

interface Recording {
  readonly http: readonly Answer[];
  readonly kubectl: readonly Output[];
}

async function record(): Promise<Recording> {
  await using controlPlane = await startControlPlane();
  const http = await runExchanges(exchanges, controlPlane.kubeconfig);
  return { http, kubectl: await runScript(script, controlPlane.kubeconfig) };
}

/** The repair loops of the allocators race with the caches they read and now and then write an event about a Service. */
async function recordUndisturbed(attempts: number): Promise<Recording> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const recording = await record();
    if (!/-repair-controller|; repairing/.test(JSON.stringify(recording))) return recording;
  }
  throw new FailureError(`events of a repair loop came into ${attempts} recordings; record again on an idle machine`);
}

try {
  const { http, kubectl } = await recordUndisturbed(5);
  await httpTranscript.write(http);
  await kubectlTranscript.write(kubectl);
  process.stdout.write(`recorded ${http.length} requests and ${kubectl.length} kubectl commands\n`);
} catch (error) {
  process.stderr.write(`record: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}
