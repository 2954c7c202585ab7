// Google Cloud's network as a sandbox cluster sees it: what is sent to a load balancer of the stand-in, and what probes it,
// arrives at machines that are nodes. It decides nothing: rules, groups and answers to probes say where packets go.

export { type GceCluster, startGceCluster } from "./cluster.ts";
