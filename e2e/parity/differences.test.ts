import { expect, it } from "vitest";
import { differencesOf } from "./differences.ts";

function save(nat: readonly string[], chains: readonly string[] = ["KUBE-SERVICES", "KUBE-SVC-A"]): string {
  return ["*nat", ...chains.map((chain) => `:${chain} - [7:420]`), ...nat, "COMMIT", ""].join("\n");
}

const web = '-A KUBE-SERVICES -d 10.96.0.1/32 -m comment --comment "shop/web:http cluster IP" -j KUBE-SVC-A';
const dns = '-A KUBE-SERVICES -d 10.96.0.2/32 -m comment --comment "shop/dns:udp cluster IP" -j KUBE-SVC-B';
const last = '-A KUBE-SERVICES -m comment --comment "must be last" -j KUBE-NODEPORTS';
const first = '-A KUBE-SVC-A -m comment --comment "shop/web:http -> 10.0.0.1:80" -j KUBE-SEP-A';
const second = '-A KUBE-SVC-A -m comment --comment "shop/web:http -> 10.0.0.2:80" -j KUBE-SEP-B';
const all = [web, dns, last, first, second];

it.each<[string, string, string[]]>([
  ["nothing", save(all), []],
  ["the order of Services in a chain that they share", save([dns, web, last, first, second]), []],
  [
    "the order of rules of one Service",
    save([web, dns, last, second, first]),
    [`nat KUBE-SVC-A order: ${first.slice(14)} came before ${second.slice(14)}`],
  ],
  [
    "where a rule that is nobody's stands",
    save([last, web, dns, first, second]),
    [`nat KUBE-SERVICES order: ${dns.slice(17)} came before ${last.slice(17)}`],
  ],
  [
    "a rule",
    save([web, last, first, second, second]),
    [`nat KUBE-SERVICES lacks ${dns.slice(17)}`, `nat KUBE-SVC-A adds ${second.slice(14)}`],
  ],
  [
    "a chain",
    save([web, dns, last], ["KUBE-SERVICES", "KUBE-SVC-B"]),
    [`nat lacks KUBE-SVC-A (${first.slice(14)}; ${second.slice(14)})`, "nat adds KUBE-SVC-B ()"],
  ],
  ["a policy", save(all).replace("*nat", "*nat\n:INPUT DROP [0:0]"), ["nat adds INPUT (policy DROP)"]],
])("tells %s", (_, agent, differences) => {
  expect(differencesOf({ IPv4: "", IPv6: save(all) }, { IPv4: "", IPv6: agent })).toEqual(
    differences.map((line) => `IPv6 ${line}`),
  );
});
