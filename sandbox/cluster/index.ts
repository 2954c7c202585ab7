// A cluster of network namespaces on one machine: nodes, pods and a client outside on a bridge, an API server, what a
// control plane does for Services, and the real agent and controller. Invariants: the machine's own network is never
// touched; everything that a run makes is found by its record or its id, so that whoever comes later can remove it.
export { maxNodes } from "./address-plan.ts";
export { copyKubeconfig } from "./kubeconfig.ts";
export { lastLines, Program } from "./program.ts";
export { type Relay, startRelay } from "./relay.ts";
export { type Sandbox, type SandboxNode, type SandboxOptions, startSandbox } from "./sandbox.ts";
export { sweep } from "./sweep.ts";
