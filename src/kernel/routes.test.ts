import fc from "fast-check";
import { expect, it } from "vitest";
import { formatCidr } from "../net/index.ts";
import { parseLocalRoutes, parseRoutes, routeDevice } from "./routes.ts";

const v4 = parseRoutes(
  JSON.stringify([
    { dst: "default", gateway: "192.0.2.1", dev: "eth0", flags: [] },
    { dst: "10.244.0.0/16", nexthops: [{ dev: "eth1" }, { dev: "eth2" }] },
    { dst: "10.245.0.0/16", nexthops: [{ dev: "eth1" }, { dev: "eth1", weight: 2 }] },
    { type: "blackhole", dst: "10.246.0.0/16" },
    { dst: "10.244.1.0/24", dev: "cni0", metric: 100 },
    { dst: "10.244.1.0/24", dev: "slow0", metric: 200 },
    { dst: "10.244.1.9", dev: "veth9", scope: "link" },
    {},
  ]),
  "IPv4",
);
const v6 = parseRoutes(
  JSON.stringify([
    { dst: "fd00:244:1::/64", dev: "cni0" },
    { dst: "default", dev: "eth0" },
  ]),
  "IPv6",
);

it.each([
  ["8.8.8.8", "eth0"],
  ["10.244.1.8", "cni0"],
  ["10.244.1.9", "veth9"],
  ["10.244.2.1", undefined],
  ["10.245.2.1", "eth1"],
  ["10.246.0.1", undefined],
  ["nowhere", undefined],
  ["fd00::1", undefined],
])("finds the way to %s", (address, device) => {
  expect(routeDevice(v4, address)).toBe(device);
});

it("finds the way to IPv6 addresses, and none without routes", () => {
  expect(routeDevice(v6, "fd00:244:1::5")).toBe("cni0");
  expect(routeDevice(v6, "2001:db8::5")).toBe("eth0");
  expect(parseRoutes(" \n", "IPv4")).toEqual([]);
});

it("takes the longest of all prefixes that hold the address, in whatever order they come", () => {
  const octets = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3));
  const prefixes = fc.array(fc.tuple(octets, fc.nat(32)), { maxLength: 20 });
  const bits = (address: readonly number[]) => address.map((octet) => octet.toString(2).padStart(8, "0")).join("");
  fc.assert(
    fc.property(prefixes, octets, (list, address) => {
      const entries = list.map(([base, length]) => ({ dst: `${base.join(".")}/${length}`, dev: `dev${length}` }));
      const holding = list.flatMap(([base, length]) =>
        bits(base).slice(0, length) === bits(address).slice(0, length) ? [length] : [],
      );
      const expected = holding.length === 0 ? undefined : `dev${Math.max(...holding)}`;
      expect(routeDevice(parseRoutes(JSON.stringify(entries), "IPv4"), address.join("."))).toBe(expected);
    }),
  );
});

it("reads local routes, and who made them", () => {
  const json = JSON.stringify([
    { type: "local", dst: "127.0.0.0/8", dev: "lo", protocol: "kernel", scope: "host" },
    { type: "local", dst: "34.1.2.3", dev: "lo", protocol: "107" },
    { dst: "nonsense" },
  ]);
  expect(parseLocalRoutes(json, "IPv4").map(({ to, protocol }) => [formatCidr(to), protocol])).toEqual([
    ["127.0.0.0/8", "kernel"],
    ["34.1.2.3/32", "107"],
  ]);
  expect(parseLocalRoutes("", "IPv6")).toEqual([]);
});
