// A small network for tests: namespaces on one bridge, with processes in them that serve and ask. For tests only.
export { eventually } from "./eventually.ts";
export { type Peer, TestNetwork } from "./network.ts";
export { namesIn, Stage } from "./stage.ts";
