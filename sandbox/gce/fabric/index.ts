// Google Cloud's network as a sandbox cluster sees it: what is sent to a load balancer of the stand-in, and what probes it,
// arrives at machines that are nodes. It decides nothing: rules, groups, firewalls and what nodes answer say where packets
// go. Invariant: no answer to a probe is made up; a node has to hear it, through the firewall rules that there are.

export { type GceCluster, startGceCluster } from "./cluster.ts";
