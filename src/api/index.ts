// The words that Berth and its users share: Kubernetes objects as they look on the wire, and our own annotation,
// finalizer, class and condition names. Pure; knows no server and no provider.
export * from "./ip-address-pool.ts";
export * from "./kubernetes.ts";
export * from "./label-selector.ts";
export * from "./load-balancer-class.ts";
export * from "./load-balancer-record.ts";
export * from "./names.ts";
export * from "./resources.ts";
export * from "./unknown-annotations.ts";
