import { expect, it } from "vitest";
import { FakeIptables } from "../kernel/fake-iptables.ts";
import { type Exec, type ExecResult, ProgramMissingError } from "../kernel/index.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { inspectIptables } from "./iptables-host.ts";

const signal = new AbortController().signal;

interface Machine {
  readonly version?: string;
  readonly nfacct?: ExecResult;
  /** Chains in legacy, which is not what is used. */
  readonly legacy?: readonly string[];
  /** Families without a nat table. */
  readonly noNat?: readonly string[];
  readonly refuses?: (rule: string, table: string) => boolean;
}

/** A node without kubelet; the plain names are those of nf_tables unless the version says another. */
function machine({ version = "iptables v1.8.9 (nf_tables)", nfacct, legacy, noNat = [], refuses }: Machine): Exec {
  const kernels = { ip: new FakeIptables("IPv4"), ip6: new FakeIptables("IPv6") };
  for (const kernel of Object.values(kernels)) if (refuses !== undefined) kernel.kernelRefuses = refuses;
  return {
    async run(program, args, options) {
      if (program === "flock") return this.run(args[5] ?? "", args.slice(6), options);
      const ok = (stdout: string): ExecResult => ({ code: 0, stdout, stderr: "" });
      if (args.includes("--version")) return ok(`${version}\n`);
      if (program === "nfacct" && nfacct !== undefined) return nfacct;
      if (program.includes("-legacy-") && legacy !== undefined)
        return ok(["*nat", ...legacy.map((chain) => `:${chain} - [0:0]`), "COMMIT", ""].join("\n"));
      if (program === "nfacct" || /-(nft|legacy)-/.test(program)) throw new ProgramMissingError(program, undefined);
      const family = program.startsWith("ip6") ? "ip6" : "ip";
      if (program.endsWith("-restore") && noNat.includes(family))
        return {
          code: 3,
          stdout: "",
          stderr: `iptables-restore: can't initialize table 'nat'\nError occurred at line: 1\n`,
        };
      return kernels[family].run(program, args, options);
    },
  };
}

const counters =
  "{ pkts = 0, bytes = 0 } = ct_state_invalid_dropped_pkts;\n{ pkts = 0, bytes = 0 } = localhost_nps_accepted_pkts;\n";

it("finds everything on a node that has it", async () => {
  const exec = machine({ nfacct: { code: 0, stdout: counters, stderr: "" } });
  expect(await inspectIptables(exec, ["IPv4", "IPv6"], signal)).toMatchObject({
    families: ["IPv4", "IPv6"],
    randomFully: true,
    accounting: new Set(["IPv4", "IPv6"]),
    sessionAffinity: new Set(["IPv4", "IPv6"]),
    notes: [["info", "iptables chosen", { version: "1.8.9 (nft)", why: "only iptables itself is there" }]],
  });
});

it("goes without counters where they cannot be made, and says so", async () => {
  const missing = await inspectIptables(machine({}), ["IPv4"], signal);
  expect(missing.accounting.size).toBe(0);
  expect(missing.notes[1]).toEqual([
    "info",
    "dropped and localhost packets are not counted",
    { why: expect.stringContaining("program nfacct not found; install it") },
  ]);
  const unsupported = { code: 1, stdout: "", stderr: "nfacct v1.0.2: error: Operation not supported\n" };
  const { notes } = await inspectIptables(machine({ nfacct: unsupported }), ["IPv4"], signal);
  expect(notes[1]?.[2].why).toContain("Operation not supported");
  const lacking = {
    nfacct: { code: 0, stdout: counters, stderr: "" },
    refuses: (rule: string) => rule.includes("nfacct"),
  };
  expect((await inspectIptables(machine(lacking), ["IPv4"], signal)).accounting.size).toBe(0);
});

it("serves IPv4 alone where the kernel has no IPv6 NAT, and refuses to start where it has no IPv4 NAT", async () => {
  const { families, notes } = await inspectIptables(machine({ noNat: ["ip6"] }), ["IPv4", "IPv6"], signal);
  expect(families).toEqual(["IPv4"]);
  expect(notes.at(-1)).toEqual([
    "warn",
    "address family not served",
    {
      family: "IPv6",
      why: expect.stringMatching(/IPv6 rules need: NAT \(.*can't initialize table 'nat'.*\); load the/),
    },
  ]);
  await expect(inspectIptables(machine({ noNat: ["ip"] }), ["IPv4", "IPv6"], signal)).rejects.toThrow(
    /IPv4 rules need: NAT .*\(modprobe -a nf_tables nft_compat nft_chain_nat; where .* modprobe -a iptable_filter iptable_nat\)/,
  );
});

it("needs no IPv4 tables where IPv6 is the family of the node", async () => {
  const noIpv4 = machine({ noNat: ["ip"] });
  expect((await inspectIptables(noIpv4, ["IPv6"], signal)).families).toEqual(["IPv6"]);
  const { families, notes } = await inspectIptables(noIpv4, ["IPv6", "IPv4"], signal);
  expect(families).toEqual(["IPv6"]);
  const why = expect.stringMatching(/IPv4 rules need: NAT /);
  expect(notes.at(-1)).toEqual(["warn", "address family not served", { family: "IPv4", why }]);
  expect((await inspectIptables(machine({}), ["IPv6", "IPv4"], signal)).families).toEqual(["IPv4", "IPv6"]);
  await expect(inspectIptables(machine({ noNat: ["ip6"] }), ["IPv6", "IPv4"], signal)).rejects.toThrow(
    /IPv6 rules need: NAT /,
  );
});

it.each([
  ["IPv4", "xt_addrtype", "-m addrtype"],
  ["IPv4", "xt_nat", "-j DNAT"],
  ["IPv4", "xt_mark", "mark"],
  ["IPv4", "xt_tcpudp xt_nat", "-p tcp"],
  ["IPv4", "ipt_REJECT", "-j REJECT"],
  ["IPv6", "ip6t_REJECT", "-j REJECT"],
] as const)("asks for %s's %s when %s is refused", async (family, modules, part) => {
  const exec = machine({ refuses: (rule) => rule.includes(part) });
  await expect(inspectIptables(exec, [family], signal)).rejects.toThrow(
    `load the kernel modules on the node (modprobe -a ${modules}),`,
  );
});

it("never asks for sctp, which would load its module", async () => {
  const exec = machine({ refuses: (rule) => rule.includes("sctp") });
  expect((await inspectIptables(exec, ["IPv4", "IPv6"], signal)).notes).toHaveLength(2);
});

it("says that a kernel without IPv6 is served IPv4 alone", async () => {
  const { notes } = await inspectIptables(machine({}), ["IPv4"], signal);
  expect(notes).toContainEqual(["info", "address family not served", { family: "IPv6", why: expect.any(String) }]);
});

it("waits while somebody holds the lock, and says who", async () => {
  const free = machine({});
  let held = 2;
  const exec: Exec = {
    async run(program, args, options) {
      if (!program.endsWith("-restore") || args.includes("--version") || held-- <= 0)
        return await free.run(program, args, options);
      return { code: 4, stdout: "", stderr: "Another app is currently holding the xtables lock" };
    },
  };
  const log = new MemoryLog();
  expect((await inspectIptables(exec, ["IPv4"], signal, undefined, log)).families).toEqual(["IPv4"]);
  const why = expect.stringContaining("has held the lock /run/xtables.lock for more than 5 s");
  const line = { level: "warn", message: "the start waits for the lock of iptables", fields: { why } };
  expect(log.lines).toEqual([line, line]);
});

it("blames no kernel module for a lock file that cannot be made", async () => {
  const full = machine({});
  const exec: Exec = {
    run: async (program, args, options) =>
      program.endsWith("-restore") && !args.includes("--version")
        ? { code: 4, stdout: "", stderr: "Fatal: can't open lock file /run/xtables.lock: No space left on device\n" }
        : full.run(program, args, options),
  };
  await expect(inspectIptables(exec, ["IPv4"], signal)).rejects.toThrow(/^iptables-restore: cannot open the lock file/);
});

it("leaves --random-fully to versions that know it", async () => {
  expect((await inspectIptables(machine({ version: "iptables v1.6.1" }), ["IPv4"], signal)).randomFully).toBe(false);
  expect((await inspectIptables(machine({ version: "iptables v1.6.2" }), ["IPv4"], signal)).randomFully).toBe(true);
});

it("warns of chains of its own prefix alone", async () => {
  const legacy = ["KUBE-SERVICES", "BERTH-SERVICES"];
  const { notes } = await inspectIptables(machine({ legacy }), ["IPv4"], signal, "BERTH");
  expect(notes).toContainEqual([
    "warn",
    "rules of a service proxy in the other iptables too",
    { count: 2, why: expect.stringContaining("'berth agent cleanup --iptables=legacy --iptables-chain-prefix=BERTH'") },
  ]);
});

it("warns of a service proxy's chains in the implementation that is not used", async () => {
  const { notes } = await inspectIptables(machine({ legacy: ["KUBE-SERVICES", "KUBE-SVC-A"] }), ["IPv4"], signal);
  expect(notes).toContainEqual([
    "warn",
    "rules of a service proxy in the other iptables too",
    { count: 4, why: expect.stringContaining("'berth agent cleanup --iptables=legacy'") },
  ]);
});
