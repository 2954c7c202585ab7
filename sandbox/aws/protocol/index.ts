// How AWS is spoken to: the query protocol in its two forms and JSON, and which of it fits AWS' own model. Invariant: what
// does not fit is neither asked nor answered. Nothing is known here of what a request does.
export { type Reply, Request } from "./messages.ts";
export { models } from "./model.ts";
export { AwsError } from "./refusal.ts";
export { type Input, text } from "./wire.ts";
