// Why a Service serves or does not: what an API server knows, as a tree Service -> class -> load balancer -> node ->
// endpoint with a reason and a remedy for every "no". Invariant: pure, and no part without a verdict: what could not be
// read is `unknown` and says so. It decides nothing: what counts is decided by the model, and by what controller and
// agents wrote. It cannot see the kernel of a node (`berth trace` does) nor a cloud.
export { explain } from "./explain.ts";
export { formatTree } from "./text.ts";
export type { Tree } from "./tree.ts";
export type { Part, World } from "./world.ts";
