// Records what the real kube-apiserver answers to the script: `node e2e/contract/kubectl/record.ts`. Needs Go, once.
import { errorMessage } from "../../../src/base/index.ts";
import { startControlPlane } from "../control-plane.ts";
import { runScript } from "./run.ts";
import { script } from "./script.ts";
import { writeTranscript } from "./transcript.ts";

try {
  await using controlPlane = await startControlPlane();
  const entries = await runScript(script, controlPlane.kubeconfig);
  await writeTranscript(entries);
  process.stdout.write(`recorded ${entries.length} commands\n`);
} catch (error) {
  process.stderr.write(`record: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}
