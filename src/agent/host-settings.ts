// What a proxy sets on its machine beside rules: connection tracking, route_localnet, its own place in the queue of the
// OOM killer. What to write is decided purely; a setting that cannot be written is a warning, for the rules work
// without it (kube-proxy ends instead).
import { readFile, writeFile } from "node:fs/promises";
import { errorMessage } from "../base/index.ts";
import type { Exec } from "../kernel/index.ts";
import type { Logger } from "../telemetry/index.ts";

/** Durations in milliseconds; 0 leaves a setting as it is. */
export interface HostSettings {
  readonly conntrack: {
    readonly maxPerCore: number;
    /** Has no effect when `maxPerCore` is 0. */
    readonly min: number;
    readonly tcpEstablishedTimeoutMs: number;
    readonly tcpCloseWaitTimeoutMs: number;
    /** False leaves it as it is. */
    readonly tcpBeLiberal: boolean;
    readonly udpTimeoutMs: number;
    readonly udpStreamTimeoutMs: number;
  };
  /** Lets 127.0.0.0/8 be translated; false leaves it as it is. */
  readonly routeLocalnet: boolean;
  readonly oomScoreAdj: number;
}

/** The kernel's files; paths are absolute. */
export interface KernelFiles {
  /** Undefined when it is not there or cannot be read. */
  read(path: string): Promise<string | undefined>;
  write(path: string, text: string): Promise<void>;
}

export function kernelFiles(root = ""): KernelFiles {
  return {
    read: (path) => readFile(root + path, "utf8").catch(() => undefined),
    write: (path, text) => writeFile(root + path, text),
  };
}

export interface WantedSetting {
  readonly path: string;
  readonly value: number;
  /** A greater value is as good. */
  readonly atLeast?: true;
  /** What helps when it cannot be set. */
  readonly remedy: string;
}

const netfilter = "/proc/sys/net/netfilter";
const conntrackMax = `${netfilter}/nf_conntrack_max`;
const oomPath = "/proc/self/oom_score_adj";

export function wantedSettings(
  { conntrack, routeLocalnet, oomScoreAdj }: HostSettings,
  cores: number,
): readonly WantedSetting[] {
  return [
    ...conntrackSizes(conntrackLimit(conntrack.maxPerCore, conntrack.min, cores)),
    ...conntrackSetting("tcp_timeout_established", seconds(conntrack.tcpEstablishedTimeoutMs)),
    ...conntrackSetting("tcp_timeout_close_wait", seconds(conntrack.tcpCloseWaitTimeoutMs)),
    ...conntrackSetting("tcp_be_liberal", conntrack.tcpBeLiberal ? 1 : undefined, "false"),
    ...conntrackSetting("udp_timeout", seconds(conntrack.udpTimeoutMs)),
    ...conntrackSetting("udp_timeout_stream", seconds(conntrack.udpStreamTimeoutMs)),
    ...(routeLocalnet ? [routeLocalnetOn] : []),
    { path: oomPath, value: oomScoreAdj, remedy: "run with CAP_SYS_RESOURCE, or give --oom-score-adj=0" },
  ];
}

const routeLocalnetOn: WantedSetting = {
  path: "/proc/sys/net/ipv4/conf/all/route_localnet",
  value: 1,
  remedy:
    "NodePorts do not answer on 127.0.0.1; set net.ipv4.conf.all.route_localnet=1 on the host, or give --iptables-localhost-nodeports=false",
};

/** For so many flows at most; 0 leaves the size as it is. */
function conntrackSizes(max: number): readonly WantedSetting[] {
  if (max === 0) return [];
  const without = "or give --conntrack-max-per-core=0";
  return [
    {
      path: conntrackMax,
      value: max,
      atLeast: true,
      // Only the first network namespace of the machine may write it.
      remedy: `set net.netfilter.nf_conntrack_max=${max} on the host, ${without}`,
    },
    {
      path: "/sys/module/nf_conntrack/parameters/hashsize",
      value: Math.floor(max / 4),
      atLeast: true,
      remedy: `set the parameter hashsize of the module nf_conntrack on the host, ${without}`,
    },
  ];
}

/** A sysctl with a flag of the same name, whose value `off` leaves it as it is; undefined: leave it. */
function conntrackSetting(name: string, value: number | undefined, off = "0"): readonly WantedSetting[] {
  if (value === undefined) return [];
  const sysctl = `nf_conntrack_${name}`;
  const flag = `--conntrack-${name.replaceAll("_", "-")}`;
  const remedy = `set net.netfilter.${sysctl}=${value} on the host, or give ${flag}=${off}`;
  return [{ path: `${netfilter}/${sysctl}`, value, remedy }];
}

/** More would cost too much memory on machines with many cores. */
const maxConntrackLimit = 1_048_576;

/** As kube-proxy reckons; 0: leave it. */
function conntrackLimit(maxPerCore: number, min: number, cores: number): number {
  if (maxPerCore === 0) return 0;
  const scaled = maxPerCore * cores;
  return scaled > maxConntrackLimit ? maxConntrackLimit : Math.max(min, scaled);
}

/** A time-out of less than a second is one second: the kernel's 0 would forget a flow at once. */
function seconds(ms: number): number | undefined {
  return ms === 0 ? undefined : Math.max(1, Math.floor(ms / 1000));
}

export function needsWrite({ value, atLeast }: WantedSetting, current: string): boolean {
  const now = Number(current.trim());
  return atLeast === true ? now < value : now !== value;
}

export interface HostSetup {
  readonly files: KernelFiles;
  readonly exec: Exec;
  readonly logger: Logger;
}

/** Sets what is not so yet, and warns of what could not be set. */
export async function applyHostSettings(
  settings: HostSettings,
  { files, exec, logger }: HostSetup,
  signal: AbortSignal,
): Promise<void> {
  // The first rule would load it too, but then these settings would have been missed.
  if ((await files.read(conntrackMax)) === undefined)
    await exec.run("modprobe", ["-q", "nf_conntrack"], { signal, timeoutMs: 5000 }).catch(() => {});
  for (const wanted of wantedSettings(settings, countCores(await files.read("/sys/devices/system/cpu/online")))) {
    const { path, value, remedy } = wanted;
    const current = await files.read(path);
    const warn = (why: string): void =>
      logger.warn("a setting of the machine is not as wanted", { path, what: `wanted ${value}`, why });
    if (current === undefined) warn(`it is not there; ${remedy}`);
    else if (needsWrite(wanted, current))
      await files.write(path, `${value}`).then(
        () => logger.info("set a setting of the machine", { path, what: `${current.trim()} -> ${value}` }),
        (error: unknown) => warn(`it is ${current.trim()} and cannot be written (${errorMessage(error)}); ${remedy}`),
      );
  }
}

/** `0-3,6`: the machine's cores, not only those that this process may use; the limit is the machine's. */
function countCores(online: string | undefined): number {
  const ranges = [...(online ?? "").matchAll(/(\d+)(?:-(\d+))?/g)];
  return Math.max(
    1,
    ranges.reduce((sum, [, first, last]) => sum + Number(last ?? first) - Number(first) + 1, 0),
  );
}
