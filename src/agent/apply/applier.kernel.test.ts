import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addNetns, deleteNetns, type Exec, Iptables, netnsExec, systemExec } from "../../kernel/index.ts";
import { proxiedService } from "../../model/index.ts";
import { port, service, slice } from "../../model/testing/objects.ts";
import type { Family } from "../../net/index.ts";
import { config, fixture, place, programOf, proxied } from "../plan/testing/services.ts";
import { RuleApplier } from "./index.ts";

const signal = new AbortController().signal;
const host = systemExec({ PATH: "/usr/sbin:/usr/bin:/sbin:/bin" });
const netns = `bt-applier-${randomBytes(4).toString("hex")}`;
const inside = netnsExec(host, netns);
const flavours = ["nft", "legacy"].filter((flavour) => existsSync(`/usr/sbin/iptables-${flavour}-save`));
const services = fixture.map(proxied);

beforeAll(() => addNetns(host, netns, { signal }));
afterAll(() => deleteNetns(host, netns, { signal }));

function applier(flavour: string, family: Family = "IPv4"): RuleApplier {
  const exec: Exec = {
    run: (program, args, options) => inside.run(program.replace("tables-", `tables-${flavour}-`), args, options),
  };
  return new RuleApplier(new Iptables(exec, family));
}

const nothing = { chains: [], removed: [], jumps: [] };

it.each(flavours)("iptables-%s holds every kind of Service as written", async (flavour) => {
  const program = programOf(services);
  const first = await applier(flavour).apply(program, signal);
  expect(first.chains).toHaveLength([...program.values()].reduce((sum, { chains }) => sum + chains.size, 0));
  expect(first.jumps).toHaveLength(14);
  expect(await applier(flavour).apply(program, signal)).toMatchObject(nothing);
  // Without its Services a node goes back to what it has without any.
  const empty = programOf([]);
  const last = await applier(flavour).apply(empty, signal);
  expect(last.removed).toHaveLength(
    first.chains.length - [...empty.values()].reduce((n, { chains }) => n + chains.size, 0),
  );
  expect(await applier(flavour).apply(empty, signal)).toMatchObject(nothing);
});

it.each(flavours)("iptables-%s takes every mode and the longest names, and shows them as written", async (flavour) => {
  const long = "a".repeat(253);
  const web = service(
    `${long}/${long}`,
    {
      type: "LoadBalancer",
      clusterIPs: ["172.30.0.50", "fd00:30::50"],
      clusterIP: "172.30.0.50",
      externalTrafficPolicy: "Local",
      loadBalancerSourceRanges: ["203.0.113.0/24", "fd00:cc::/64"],
      healthCheckNodePort: 32000,
      ports: [port(long, 80, { nodePort: 30080 }), port("s", 81, { protocol: "SCTP", nodePort: 30081 })],
    },
    ["1.2.3.4", "fd00:99::1"],
  );
  const slices = ["10.180.0.1", "fd00:10::1"].map((ip) =>
    slice(
      ip,
      [
        { name: long, port: 8080 },
        { name: "s", port: 8081, protocol: "SCTP" },
      ],
      [{ ip, node: place.name }],
    ),
  );
  const odd = proxiedService(web, slices, place)!;
  const modes = {
    localTraffic: { ifLocal: "-i veth+", ifNotLocal: "! -i veth+" },
    localhostNodePorts: true,
    masqueradeBit: 31,
  };
  for (const family of ["IPv4", "IPv6"] as const)
    for (const own of [modes, { ...modes, masqueradeAll: true, randomFully: false, largeCluster: true }]) {
      const program = programOf([odd], family, { ...config, ...own });
      await applier(flavour, family).apply(program, signal);
      expect(await applier(flavour, family).apply(program, signal)).toMatchObject(nothing);
    }
});
