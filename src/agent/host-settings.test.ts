import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Exec } from "../kernel/index.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { applyHostSettings, type HostSettings, kernelFiles, needsWrite, wantedSettings } from "./host-settings.ts";

const signal = new AbortController().signal;

/** kube-proxy's defaults. */
const defaults: HostSettings = {
  conntrack: {
    maxPerCore: 32_768,
    min: 131_072,
    tcpEstablishedTimeoutMs: 86_400_000,
    tcpCloseWaitTimeoutMs: 3_600_000,
    tcpBeLiberal: false,
    udpTimeoutMs: 0,
    udpStreamTimeoutMs: 0,
  },
  routeLocalnet: false,
  oomScoreAdj: -999,
};

function conntrack(own: Partial<HostSettings["conntrack"]>): HostSettings {
  return { ...defaults, conntrack: { ...defaults.conntrack, ...own } };
}

/** File name -> value. */
function wanted(settings: HostSettings, cores: number): Record<string, number> {
  return Object.fromEntries(wantedSettings(settings, cores).map(({ path, value }) => [path.split("/").at(-1), value]));
}

const common = {
  nf_conntrack_tcp_timeout_established: 86_400,
  nf_conntrack_tcp_timeout_close_wait: 3600,
  oom_score_adj: -999,
};

it.each<[string, HostSettings, number, Record<string, number>]>([
  ["defaults on 2 cores", defaults, 2, { ...common, nf_conntrack_max: 131_072, hashsize: 32_768 }],
  ["defaults on 8 cores", defaults, 8, { ...common, nf_conntrack_max: 262_144, hashsize: 65_536 }],
  ["defaults on 32 cores", defaults, 32, { ...common, nf_conntrack_max: 1_048_576, hashsize: 262_144 }],
  ["no more than a million", defaults, 256, { ...common, nf_conntrack_max: 1_048_576, hashsize: 262_144 }],
  [
    "a minimum above a million",
    conntrack({ min: 2_000_000 }),
    2,
    { ...common, nf_conntrack_max: 2_000_000, hashsize: 500_000 },
  ],
  ["no limit, whatever the minimum", conntrack({ maxPerCore: 0 }), 8, common],
  [
    "no time-outs",
    conntrack({ maxPerCore: 0, tcpEstablishedTimeoutMs: 0, tcpCloseWaitTimeoutMs: 0 }),
    2,
    { oom_score_adj: -999 },
  ],
  [
    "all",
    {
      ...conntrack({ maxPerCore: 0, tcpBeLiberal: true, udpTimeoutMs: 45_900, udpStreamTimeoutMs: 500 }),
      routeLocalnet: true,
    },
    2,
    {
      ...common,
      nf_conntrack_tcp_be_liberal: 1,
      nf_conntrack_udp_timeout: 45,
      nf_conntrack_udp_timeout_stream: 1,
      route_localnet: 1,
    },
  ],
])("wants %s", (_, settings, cores, expected) => {
  expect(wanted(settings, cores)).toEqual(expected);
});

it("never lowers what it only wants to be enough", () => {
  const value = fc.nat(2 ** 21);
  fc.assert(
    fc.property(value, value, (now, value) => {
      expect(needsWrite({ path: "", value, remedy: "", atLeast: true }, `${now}\n`)).toBe(now < value);
      expect(needsWrite({ path: "", value, remedy: "" }, `${now}\n`)).toBe(now !== value);
    }),
  );
});

describe("on a machine", () => {
  let root: string;
  let log: MemoryLog;
  let ran: string[];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "berth-root-"));
    log = new MemoryLog();
    ran = [];
    await file("/sys/devices/system/cpu/online", "0-5,8-9\n");
    await file("/proc/sys/net/netfilter/nf_conntrack_max", "65536\n");
    await file("/sys/module/nf_conntrack/parameters/hashsize", "70000\n");
    await file("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established", "432000\n");
    await file("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait", "3600\n");
    await file("/proc/self/oom_score_adj", "0\n");
  });

  afterEach(() => rm(root, { recursive: true }));

  async function file(path: string, text: string): Promise<void> {
    await mkdir(dirname(root + path), { recursive: true });
    await writeFile(root + path, text);
  }

  async function apply(settings: HostSettings, readOnly: readonly string[] = []): Promise<void> {
    const files = kernelFiles(root);
    const exec: Exec = {
      async run(program, args) {
        ran.push([program, ...args].join(" "));
        throw new Error("no such program");
      },
    };
    async function write(path: string, text: string): Promise<void> {
      if (readOnly.some((end) => path.endsWith(end))) throw new Error("EROFS: read-only file system");
      await files.write(path, text);
    }
    await applyHostSettings(settings, { files: { ...files, write }, exec, logger: log }, signal);
  }

  it("writes what is not so, once", async () => {
    await apply(defaults);
    expect(log.fieldsOf("set a setting of the machine")).toEqual([
      { path: "/proc/sys/net/netfilter/nf_conntrack_max", what: "65536 -> 262144" },
      { path: "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established", what: "432000 -> 86400" },
      { path: "/proc/self/oom_score_adj", what: "0 -> -999" },
    ]);
    expect(await readFile(`${root}/proc/sys/net/netfilter/nf_conntrack_max`, "utf8")).toBe("262144");
    expect(await readFile(`${root}/sys/module/nf_conntrack/parameters/hashsize`, "utf8")).toBe("70000\n");
    expect(ran).toEqual([]);
    log.clear();
    await apply(defaults);
    expect(log.lines).toEqual([]);
  });

  it("says what cannot be written and what helps, and does the rest", async () => {
    await apply(defaults, ["nf_conntrack_max", "oom_score_adj"]);
    expect(log.lines.map(({ fields }) => fields)).toEqual([
      {
        path: "/proc/sys/net/netfilter/nf_conntrack_max",
        what: "wanted 262144",
        why: "it is 65536 and cannot be written (EROFS: read-only file system); set net.netfilter.nf_conntrack_max=262144 on the host, or give --conntrack-max-per-core=0",
      },
      { path: "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established", what: "432000 -> 86400" },
      {
        path: "/proc/self/oom_score_adj",
        what: "wanted -999",
        why: "it is 0 and cannot be written (EROFS: read-only file system); run with CAP_SYS_RESOURCE, or give --oom-score-adj=0",
      },
    ]);
  });

  it("has the module loaded that has the files, and says what is missing all the same", async () => {
    await rm(`${root}/proc/sys/net`, { recursive: true });
    await apply({ ...conntrack({ maxPerCore: 0, tcpBeLiberal: true }), routeLocalnet: true, oomScoreAdj: 0 });
    expect(ran).toEqual(["modprobe -q nf_conntrack"]);
    const remedies = [
      "set net.netfilter.nf_conntrack_tcp_timeout_established=86400 on the host, or give --conntrack-tcp-timeout-established=0",
      "set net.netfilter.nf_conntrack_tcp_timeout_close_wait=3600 on the host, or give --conntrack-tcp-timeout-close-wait=0",
      "set net.netfilter.nf_conntrack_tcp_be_liberal=1 on the host, or give --conntrack-tcp-be-liberal=false",
      "NodePorts do not answer on 127.0.0.1; set net.ipv4.conf.all.route_localnet=1 on the host, or give --iptables-localhost-nodeports=false",
    ];
    expect(log.fields("warn").map(({ why }) => why)).toEqual(remedies.map((remedy) => `it is not there; ${remedy}`));
  });
});
