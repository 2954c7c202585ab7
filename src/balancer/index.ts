// The data path of one `proxy` load balancer: netfilter rules that spread TCP and UDP over node:NodePort, and the
// health checks that decide which nodes take part. Invariant: rules are replaced as a whole, only when they differ,
// and stay when the process ends. What is wanted comes from one file (`config`); it knows no Service and no cluster.
export { runBalancer } from "./balancer.ts";
export { httpProbe } from "./probe.ts";
