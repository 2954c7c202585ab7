import { existsSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Family } from "../../net/index.ts";
import { families, WatchedNode } from "./testing/watched-node.ts";

const flavours = (["nft", "legacy"] as const).filter((flavour) => existsSync(`/usr/sbin/iptables-${flavour}-save`));

/** Lines of restore input that say what is touched; rules of chains that are written whole are left out. */
function touched(input: string): string[] {
  return input.split("\n").filter((line) => /^[:*]|^-[DINX]/.test(line));
}

function inBoth<T>(run: (family: Family) => Promise<T>): Promise<T[]> {
  return Promise.all(families.map(run));
}

const patience = { timeout: 20_000, interval: 10 } as const;

/** What the first restores of each family touched. */
async function restored(watched: WatchedNode, count = 1): Promise<readonly (readonly string[])[]> {
  const all = families.map((family) => watched.restores[family]);
  await vi.waitFor(() => expect(Math.min(...all.map((list) => list.length))).toBeGreaterThanOrEqual(count), patience);
  return all.map((list) => list.flatMap(touched));
}

describe.each(flavours)("on iptables-%s", (flavour) => {
  const watched = new WatchedNode(flavour);
  /** The chain of a Service and of its first endpoint. */
  const service: Record<Family, { svc: string; sep: string }> = {
    IPv4: { svc: "", sep: "" },
    IPv6: { svc: "", sep: "" },
  };
  let before: readonly (readonly string[])[] = [];

  beforeAll(async () => {
    await watched.create();
    await watched.start();
    await inBoth(async (family) => {
      const saved = await watched.tool(family, "-save", ["-t", "nat"]);
      const svc = /^-A KUBE-SERVICES .*ns\/one:p.* -j (\S+)$/m.exec(saved)?.[1] ?? "";
      service[family] = { svc, sep: new RegExp(`^-A ${svc} .* -j (KUBE-SEP-\\S+)$`, "m").exec(saved)?.[1] ?? "" };
    });
    before = await inBoth((family) => watched.rules(family));
  });
  afterAll(async () => {
    await watched.stop();
    await watched.destroy();
  });
  beforeEach(() => {
    for (const list of [watched.restores.IPv4, watched.restores.IPv6, watched.reads, watched.warnings]) list.length = 0;
  });
  const healed = (): Promise<void> =>
    vi.waitFor(async () => expect(await inBoth((family) => watched.rules(family))).toEqual(before), patience);

  it.each([
    ["a deleted rule", "-t nat -D KUBE-SERVICES 1", "nat", "KUBE-SERVICES"],
    ["a replaced rule", "-t nat -R SVC 1 -j RETURN", "nat", "SVC"],
    ["a foreign rule inside", "-t nat -I SVC 1 -j ACCEPT", "nat", "SVC"],
    ["a foreign rule at the end", "-t filter -A KUBE-FORWARD -j DROP", "filter", "KUBE-FORWARD"],
    ["a flushed chain", "-t nat -F KUBE-POSTROUTING", "nat", "KUBE-POSTROUTING"],
    ["a lost canary", "-t mangle -X KUBE-PROXY-CANARY", "mangle", "KUBE-PROXY-CANARY"],
  ])("writes the chain of %s again, and no other", async (_what, args, table, chain) => {
    await inBoth((family) => watched.tool(family, "", args.replace("SVC", service[family].svc).split(" ")));
    const chains = families.map((family) => chain.replace(/^SVC$/, service[family].svc));
    expect(await restored(watched)).toEqual(chains.map((name) => [`*${table}`, `:${name} - [0:0]`]));
    await healed();
    await vi.waitFor(() => expect(watched.warnings).toHaveLength(2), patience);
    const byFamily = watched.warnings.toSorted(([, a], [, b]) => ((a.family ?? "") < (b.family ?? "") ? -1 : 1));
    const process = { process: expect.stringMatching(/^ip6?tables-nft\[\d+\]$/) };
    expect(byFamily).toEqual(
      families.map((family, i) => [
        "rules altered by somebody else; written again",
        expect.objectContaining({ family, table, chains: [chains[i]], ...(flavour === "nft" && process) }),
      ]),
    );
  });

  it.each([1, 2, 3])("puts a jump back to its place, %i", async (place) => {
    await inBoth((family) => watched.tool(family, "", ["-D", "INPUT", `${place}`]));
    const jump = ["*filter", expect.stringMatching(`^-I INPUT ${place} .*-j KUBE-`)];
    expect(await restored(watched)).toEqual([jump, jump]);
    await healed();
  });

  it("makes a deleted chain anew, with what was taken away to delete it", async () => {
    await inBoth((family) => {
      const { svc, sep } = service[family];
      return watched.tool(family, "-restore", ["--noflush"], `*nat\n-F ${svc}\n-F ${sep}\n-X ${sep}\nCOMMIT\n`);
    });
    expect(await restored(watched)).toEqual(
      families.map((family) => {
        const { svc, sep } = service[family];
        return ["*nat", ...[sep, svc].sort().map((chain) => `:${chain} - [0:0]`)];
      }),
    );
    await healed();
  });

  it("fills a flushed table again, and leaves the others alone", async () => {
    const filled = await inBoth(async (family) => {
      const saved = await watched.tool(family, "-save", ["-t", "nat"]);
      return [...new Set([...saved.matchAll(/^-A (KUBE-\S+)/gm)].map(([, chain]) => `:${chain} - [0:0]`))].sort();
    });
    await inBoth((family) => watched.tool(family, "", ["-t", "nat", "-F"]));
    const jumps = ["PREROUTING", "OUTPUT", "POSTROUTING"].map((chain) => expect.stringMatching(`^-I ${chain} 1 `));
    expect(await restored(watched)).toEqual(filled.map((chains) => ["*nat", ...chains, ...jumps]));
    await healed();
  });

  it("tells once of a foreign rule above its jumps, and leaves it there", async () => {
    const values = async (): Promise<number[]> =>
      ((await watched.metrics.getSingleMetric("berth_agent_foreign_rules")?.get())?.values ?? [])
        .filter(({ labels }) => labels["chain"] === "FORWARD")
        .map(({ value }) => value);
    const rule = (family: Family) => `-s ${family === "IPv4" ? "192.0.2.9/32" : "2001:db8::9/128"} -j DROP`;
    const alter = (verb: string) =>
      inBoth((family) => watched.tool(family, "", [verb, "FORWARD", ...rule(family).split(" ")]));
    await alter("-I");
    await vi.waitFor(async () => expect(await values()).toEqual([1, 1]), patience);
    expect(watched.warnings).toHaveLength(2);
    for (const family of families)
      expect(watched.warnings).toContainEqual([
        "foreign rule above our jumps",
        { family, table: "filter", chain: "FORWARD", rule: rule(family) },
      ]);
    await alter("-D");
    await vi.waitFor(async () => expect(await values()).toEqual([0, 0]), patience);
    expect(watched.warnings).toHaveLength(2);
    expect(watched.restores).toEqual({ IPv4: [], IPv6: [] });
  });

  it("counts repairs", async () => {
    const repairs = await watched.metrics.getSingleMetricAsString("berth_agent_drift_repairs_total");
    expect(repairs).toMatch(/_total\{ip_family="IPv4",table="nat"\} 6\n/);
    expect(repairs).toMatch(/_total\{ip_family="IPv6",table="filter"\} 4$/m);
  });

  it.runIf(flavour === "nft")("fills all tables again after nft flush ruleset", async () => {
    await watched.nft("flush", "ruleset");
    const lines = await restored(watched, 3);
    await healed();
    for (const family of lines)
      expect(family.filter((line) => line.startsWith("*"))).toEqual(
        expect.arrayContaining(["*filter", "*mangle", "*nat"]),
      );
  });

  it.runIf(flavour === "nft")("puts no jump twice into a chain that iptables cannot print", async () => {
    await watched.nft("add", "rule", "ip", "nat", "PREROUTING", "meta", "mark", "set", "numgen", "random", "mod", "3");
    await watched.tool("IPv4", "", ["-t", "nat", "-F", "KUBE-MARK-MASQ"]);
    await vi.waitFor(() => expect(watched.restores.IPv4).toHaveLength(1), patience);
    expect(touched(watched.restores.IPv4[0] ?? "")).toEqual(["*nat", ":KUBE-MARK-MASQ - [0:0]"]);
    await watched.nft("flush", "chain", "ip", "nat", "PREROUTING");
    await healed();
  });

  it.runIf(flavour === "nft")("looks neither at its own writes nor at what is not its own", async () => {
    watched.endpoints("ns/one", 3);
    await watched.sync("ns/one");
    await watched.nft("add", "table", "ip", "other");
    await watched.nft("add", "chain", "ip", "other", "KUBE-SERVICES");
    await watched.tool("IPv4", "", ["-t", "nat", "-N", "CNI-1"]);
    await watched.tool("IPv4", "", ["-t", "nat", "-A", "CNI-1", "-j", "ACCEPT"]);
    watched.endpoints("ns/one", 2);
    await watched.sync("ns/one");
    await inBoth((family) => watched.tool(family, "", ["-t", "nat", "-F", "KUBE-MARK-MASQ"]));
    await restored(watched, 3);
    expect(watched.reads).toEqual(["nat KUBE-MARK-MASQ", "nat KUBE-MARK-MASQ"]);
  });

  it.runIf(flavour === "legacy")(
    "finds by their layout what was flushed or deleted, however rarely it reads",
    async () => {
      await watched.stop();
      watched.reads.length = 0;
      await watched.start(false, true);
      await inBoth((family) => watched.tool(family, "", ["-t", "nat", "-F"]));
      await healed();
      await inBoth((family) => watched.tool(family, "", ["-t", "nat", "-D", "KUBE-SERVICES", "1"]));
      await healed();
      await inBoth((family) => watched.tool(family, "", ["-D", "FORWARD", "1"]));
      await healed();
      // Each table of each family once at the start, and those that were altered.
      expect(watched.reads.filter((read) => read === "mangle")).toHaveLength(2);
    },
  );

  it.runIf(flavour === "nft")("compares everything after its monitor ended", async () => {
    process.kill(watched.monitors.at(-1) ?? 0, "SIGKILL");
    const warned = (): void =>
      expect(watched.warnings.map(([message]) => message)).toContain("nft monitor ended; started again");
    await vi.waitFor(warned, patience);
    await inBoth((family) => watched.tool(family, "", ["-t", "nat", "-F", "KUBE-MARK-MASQ"]));
    const chain = ["*nat", ":KUBE-MARK-MASQ - [0:0]"];
    expect(await restored(watched)).toEqual([chain, chain]);
  });

  it("moves its jumps above foreign rules when told to", async () => {
    await watched.stop();
    watched.reads.length = 0;
    await watched.start(true);
    const list = (family: Family): Promise<string> => watched.tool(family, "", ["-S", "FORWARD"]);
    const jumps = await inBoth(list);
    await inBoth((family) =>
      watched.tool(family, "", ["-I", "FORWARD", "2", "-m", "mark", "--mark", "0x9", "-j", "DROP"]),
    );
    await restored(watched);
    expect(await inBoth(list)).toEqual(jumps.map((text) => `${text}-A FORWARD -m mark --mark 0x9 -j DROP\n`));
  });

  it("lets the jumps of another proxy stand above its own, even when told to be on top, and tells of none", async () => {
    const jump = '-m comment --comment "kubernetes forwarding rules" -j BERTH-FORWARD';
    const input = `*filter\n:BERTH-FORWARD - [0:0]\n-I FORWARD 1 ${jump}\nCOMMIT\n`;
    watched.reads.length = 0;
    await inBoth((family) => watched.tool(family, "-restore", ["--noflush"], input));
    // What was found the first time would be mended before anybody looks again.
    for (const times of [2, 4, 6]) {
      const looked = (): number => watched.reads.filter((read) => read.startsWith("filter")).length;
      await vi.waitFor(() => expect(looked()).toBeGreaterThanOrEqual(times), patience);
      await inBoth((family) => watched.tool(family, "", ["-A", "FORWARD", "-j", "RETURN"]));
    }
    for (const rules of await inBoth((family) => watched.tool(family, "", ["-S", "FORWARD"])))
      expect(rules.split("\n")[1]).toBe(`-A FORWARD ${jump}`);
    expect(watched.restores).toEqual({ IPv4: [], IPv6: [] });
    expect(watched.warnings).toEqual([]);
  });
});
