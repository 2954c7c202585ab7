import type { Cidr } from "../../src/net/index.ts";

/** How load balancers come to their addresses. */
export type Addressing =
  /** From our own pools; `prefixes` are the networks that they lie in. */
  | { readonly kind: "pool"; readonly prefixes: readonly Cidr[] }
  /** The engine gives them, and tells them once it has; a Service may ask for certain ones. */
  | { readonly kind: "engine" };
