import type { Family } from "../../net/index.ts";

/** One rule of each shape that kube-proxy's layout has, for a port of `ns/svc`, in kube-proxy's wording. */
export function serviceRules(family: Family): string[] {
  const v4 = family === "IPv4";
  const vip = v4 ? "172.30.0.41" : "fd00:30::41";
  const pods = v4 ? "10.0.0.0/8" : "fd00:10::/56";
  const pod = v4 ? "10.180.0.1" : "fd00:10::1";
  const target = v4 ? `${pod}:80` : `[${pod}]:80`;
  const dnat = `-m tcp -p tcp -j DNAT --to-destination ${target}`;
  return [
    `-m comment --comment "ns/svc:p80 cluster IP" -m tcp -p tcp -d ${vip} --dport 80 -j TARGET`,
    `-m comment --comment "ns/svc:p80 cluster IP" -m sctp -p sctp -d ${vip} --dport 80 ! -s ${pods} -j TARGET`,
    `-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL ! -d ${v4 ? "127.0.0.0/8" : "::1/128"} -j TARGET`,
    `-m comment --comment ns/svc:p80 -m udp -p udp --dport 30001 -j TARGET`,
    `-m mark ! --mark 0x4000/0x4000 -j RETURN`,
    `-j MARK --xor-mark 0x4000`,
    `-j MARK --or-mark 0x4000`,
    `-m comment --comment "pod traffic for ns/svc:p80 external destinations" -s ${pods} -j TARGET`,
    `-m comment --comment "masquerade LOCAL traffic for ns/svc:p80 external destinations" -m addrtype --src-type LOCAL -j TARGET`,
    `-m comment --comment "other traffic to ns/svc:p80 will be dropped by KUBE-PROXY-FIREWALL"`,
    `-m comment --comment "ns/svc:p80 -> ${target}" -m recent --name TARGET --rcheck --seconds 10800 --reap -j TARGET`,
    `-m comment --comment "ns/svc:p80 -> ${target}" -m statistic --mode random --probability 0.3333333333 -j TARGET`,
    `-m comment --comment "ns/svc:p80 -> ${target}" -m statistic --mode random --probability 0.1428571429 -j TARGET`,
    `-m comment --comment ns/svc:p80 -s ${pod} -j TARGET`,
    // A rule that can only live in the nat table, or only in the filter table, is told by its target.
    `-m comment --comment ns/svc:p80 -m recent --name TARGET --set ${dnat}`,
    `-m comment --comment ns/svc:p80 ${dnat}`,
    `-m comment --comment "ns/svc:p80 has no endpoints" -m tcp -p tcp -d ${vip} --dport 80 -j REJECT`,
    `-m comment --comment "ns/svc:p80 has no endpoints" -m addrtype --dst-type LOCAL -m udp -p udp --dport 30001 -j REJECT`,
    `-m comment --comment one -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `-m conntrack --ctstate INVALID -j DROP`,
    `-m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j TARGET`,
    `-m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT`,
  ];
}
