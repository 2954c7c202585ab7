/** The real one, as `build` makes it. */
export const kubeProxyPath: string = new URL("bin/kube-proxy", import.meta.url).pathname;

/** How kube-proxy serves a node of a cluster whose pods are in 10.244.0.0/16 and fd00:244::/48, with iptables. */
export function kubeProxyArguments(kubeconfig: string, node: string): readonly string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    // The sandbox's API server answers no protobuf; the agent reads JSON as well.
    "--kube-api-content-type=application/json",
    "--proxy-mode=iptables",
    `--hostname-override=${node}`,
    "--cluster-cidr=10.244.0.0/16,fd00:244::/48",
    "--healthz-bind-address=[::]:10256",
    // Each of these would write a setting of the whole machine.
    "--conntrack-max-per-core=0",
    "--conntrack-min=0",
    "--conntrack-tcp-timeout-established=0",
    "--conntrack-tcp-timeout-close-wait=0",
    "--oom-score-adj=0",
  ];
}
