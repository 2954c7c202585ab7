// Our kinds checked as the API server checks them: the schemas and rules of their definitions, said once more in zod, so
// that objects of a server without our rules, files and examples get the same answers. Invariant: what one accepts the
// other does, but for what CEL cannot compute (the order of IPv6 addresses) or zod cannot see (what an object was
// before). Loads zod: the agent and `berth trace` must not load this folder.
export { parsePool } from "./ip-address-pool.ts";
export { parseClass } from "./load-balancer-class.ts";
export type { Parsed } from "./parsed.ts";
