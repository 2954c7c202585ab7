// What there is at AWS, read by as few requests as there can be. Invariants: nothing is written; what only looks like ours
// is told apart by its tags; what this process made counts as made before AWS lists it. Everything that can be asked for
// in batches is; the rest is asked for one object after the other, at a low rate where many load balancers are checked.
export { listOwned } from "./list-owned.ts";
export { findNamed, type Named } from "./named.ts";
export { type Found, Reader } from "./reader.ts";
