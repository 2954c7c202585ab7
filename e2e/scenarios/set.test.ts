import { SandboxDriver } from "../drivers/sandbox.ts";
import { runScenarios } from "./set/index.ts";

const noKubelet = "kubelets of the sandbox are no processes";
const noChart = "the sandbox starts the processes of Berth itself";

runScenarios({
  start: () => SandboxDriver.start(),
  cannot: {
    "DNS by its ClusterIP: names of Services, of the pods of a headless one, of an ExternalName":
      "the sandbox has no DNS server",
    "a restart of each kubelet under traffic": noKubelet,
    "the deletion of a drained node under traffic, and its return": noKubelet,
    "a restart of the API server under traffic": "that of the sandbox keeps its objects in memory",
    "helm upgrade and roll-back under traffic": noChart,
  },
});
