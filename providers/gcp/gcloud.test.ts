import { expect, it } from "vitest";
import { commandFor, type FirewallAction, isOfFirewall } from "./gcloud.ts";
import { networkLink } from "./links.ts";
import type { Firewall } from "./resources.ts";
import { settings as defaults } from "./testing/values.ts";

const settings = { ...defaults, networkProject: "host", network: "shared" };
const rule: Firewall = {
  kind: "firewall",
  name: "f",
  description: '{"a":"b"}',
  network: networkLink(settings),
  direction: "INGRESS",
  priority: 999,
  disabled: false,
  sourceRanges: ["192.0.2.0/24", "198.51.100.0/24"],
  destinationRanges: ["34.1.1.1"],
  targetTags: ["a", "b"],
  allowed: [
    { IPProtocol: "tcp", ports: ["80", "90-99"] },
    { IPProtocol: "udp", ports: ["53"] },
  ],
  denied: [],
};
const update =
  '--priority 999 --rules tcp:80,tcp:90-99,udp:53 --source-ranges 192.0.2.0/24,198.51.100.0/24 --destination-ranges 34.1.1.1 --target-tags a,b --description \'{"a":"b"}\'';

it.each<[FirewallAction, string]>([
  [
    { verb: "insert", resource: rule },
    `create f --project host --network shared --direction INGRESS --action ALLOW ${update}`,
  ],
  [{ verb: "update", resource: rule }, `update f --project host ${update}`],
  [{ verb: "delete", ref: { kind: "firewall", name: "f" } }, "delete f --project host --quiet"],
  [
    {
      verb: "insert",
      resource: { ...rule, allowed: [], denied: [{ IPProtocol: "all" }], targetTags: [], destinationRanges: [] },
    },
    'create f --project host --network shared --direction INGRESS --action DENY --priority 999 --rules all --source-ranges 192.0.2.0/24,198.51.100.0/24 --description \'{"a":"b"}\'',
  ],
])("tells the command for %j", (action, command) => {
  expect(commandFor(action, settings)).toBe(`gcloud compute firewall-rules ${command}`);
});

it("is about firewalls alone", () => {
  expect(isOfFirewall({ verb: "delete", ref: { kind: "address", name: "a" } })).toBe(false);
  expect(isOfFirewall({ verb: "globalAccess", rule: "r", allow: true })).toBe(false);
  expect(isOfFirewall({ verb: "insert", resource: rule })).toBe(true);
});
