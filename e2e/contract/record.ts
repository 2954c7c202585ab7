// Records what the real kube-apiserver answers to the scripts: `node e2e/contract/record.ts`, first of the newest version,
// then with KUBE=<version> what is different with another.
import { errorMessage } from "../../src/base/index.ts";
import { httpTranscript, runExchanges } from "./http/run.ts";
import { exchanges } from "./http/script.ts";
import { kubeApiserver } from "./kube-apiserver.ts";
import { kubeVersion } from "./kube-version.ts";
import { kubectlTranscript, runScript } from "./kubectl/run.ts";
import { script } from "./kubectl/script.ts";
import { undisturbed } from "./undisturbed.ts";

try {
  const http = await undisturbed(kubeApiserver, ({ kubeconfig }) => runExchanges(exchanges, kubeconfig));
  const kubectl = await undisturbed(kubeApiserver, ({ kubeconfig }) => runScript(script, kubeconfig));
  await httpTranscript.write(http, kubeVersion);
  await kubectlTranscript.write(kubectl, kubeVersion);
  process.stdout.write(`recorded ${http.length} requests and ${kubectl.length} kubectl commands\n`);
} catch (error) {
  process.stderr.write(`record: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}
