import { expect, it } from "vitest";
import { familiesByRank, localAddresses } from "./host.ts";

it("knows each address of the node once, without those that only a link has", () => {
  const gateway = { address: "10.244.0.1" };
  expect(
    localAddresses({
      lo: [{ address: "127.0.0.1" }, { address: "::1" }],
      eth0: [{ address: "192.0.2.7" }, { address: "2001:DB8::7" }, { address: "fe80::1" }],
      // The node's ends of two pods' interfaces.
      veth1: [gateway, { address: "fe80::2" }],
      veth2: [gateway],
      down: undefined,
    }),
  ).toEqual(["10.244.0.1", "127.0.0.1", "192.0.2.7", "2001:db8::7", "::1"]);
});

it.each([
  [true, ["127.0.0.1", "::1"], ["IPv4", "IPv6"]],
  [true, ["127.0.0.1", "192.0.2.7", "2001:db8::7", "::1"], ["IPv4", "IPv6"]],
  [true, ["127.0.0.1", "2001:db8::7", "::1"], ["IPv6", "IPv4"]],
  [true, ["2001:db8::7"], ["IPv6", "IPv4"]],
  [false, ["127.0.0.1"], ["IPv4"]],
])("puts the family of the node's own addresses first: IPv6 %s, %j", (hasIpv6, addresses, families) => {
  expect(familiesByRank(hasIpv6, addresses)).toEqual(families);
});

it("reads the addresses of this machine", () => {
  expect(localAddresses()).toContain("127.0.0.1");
});
