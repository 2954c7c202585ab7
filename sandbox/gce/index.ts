// A stand-in for the part of Compute Engine that passthrough load balancers are made of, over HTTP. Its routes, fields and
// values are those of the npm client's own definitions; what it refuses is a table of rules, each with its source.
// Invariant: it knows nothing of the adapter, nor the adapter of it. It does without projects, networks and machines that
// come and go by its own interface, and without everything that no load balancer of Berth has. An operation goes on for
// some requests more, and nothing of it is to be seen before; whether machines answer probes is asked of its user.

export { FakeGce, type FakeGceOptions } from "./server.ts";
export type { Machine } from "./world.ts";
