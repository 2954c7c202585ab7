import { expect, it } from "vitest";
import type { FieldPath, FieldValues } from "./field.ts";
import { defaultValues, fieldAt, fieldPaths } from "./fields.ts";
import type { FileValue } from "./kinds.ts";
import { configFile, parseFlags } from "./testing/command-line.ts";

interface Case<V> {
  /** Texts behind the flag and what they come to; none when there is no flag. */
  readonly flag?: readonly (readonly [text: string, value: V])[];
  readonly flagRefused?: readonly (readonly [text: string, message: string])[];
  readonly file: readonly (readonly [value: FileValue, parsed: V])[];
  readonly fileRefused: readonly (readonly [value: FileValue, shown: string, remedy: string])[];
}

/** What kube-proxy answers with, such as "cannot unmarshal number into Go struct field", each in our words. */
const noText = [
  [5, "5", "give a text"],
  [true, "true", "give a text"],
  [["a"], '["a"]', "give a text"],
] as const;

function text(sample: string, flag = true): Case<string> {
  return { ...(flag && { flag: [[sample, sample]] }), file: [[sample, sample]], fileRefused: noText };
}

function bool(name?: string): Case<boolean> {
  return {
    ...(name !== undefined && {
      flag: [
        ["true", true],
        ["T", true],
        ["1", true],
        ["false", false],
        ["F", false],
        ["0", false],
      ],
      flagRefused: [["yes", `--${name}: "yes" is no bool; give true or false`]],
    }),
    file: [
      [true, true],
      [false, false],
    ],
    fileRefused: [
      ["true", '"true"', "give true or false"],
      [1, "1", "give true or false"],
    ],
  };
}

const int32Range = "a whole number from -2147483648 to 2147483647";

function int32(name?: string): Case<number> {
  return {
    ...(name !== undefined && {
      flag: [
        ["7", 7],
        ["-3", -3],
        ["+4", 4],
        ["0x1F", 31],
        ["017", 15],
        ["0b101", 5],
        ["1_000", 1000],
      ],
      flagRefused: [
        ["2147483648", `--${name}: "2147483648" is no number; give ${int32Range}`],
        ["1.5", `--${name}: "1.5" is no number; give ${int32Range}`],
        ["", `--${name}: "" is no number; give ${int32Range}`],
      ],
    }),
    file: [
      [7, 7],
      [-3, -3],
    ],
    fileRefused: [
      ["14", '"14"', `give ${int32Range}`],
      [14.5, "14.5", `give ${int32Range}`],
      [14_000_000_000, "14000000000", `give ${int32Range}`],
    ],
  };
}

const durations = "a duration such as 100ms, 30s or 1h30m";

function duration(name?: string): Case<number> {
  return {
    ...(name !== undefined && {
      flag: [
        ["1m30s", 90_000],
        ["100ms", 100],
        ["250us", 0.25],
        ["-1s", -1000],
      ],
      flagRefused: [
        ["5", `--${name}: "5" is no duration; give ${durations}`],
        ["5 s", `--${name}: "5 s" is no duration; give ${durations}`],
      ],
    }),
    file: [
      ["2h22m", 8_520_000],
      ["-1s", -1000],
    ],
    fileRefused: [
      [5, "5", `give ${durations}`],
      ["5", '"5"', `give ${durations}`],
      ["5h3x", '"5h3x"', `give ${durations}`],
    ],
  };
}

function list(sample: string): Case<readonly string[]> {
  return {
    flag: [
      [sample, [sample]],
      [`${sample}, ${sample}`, [sample, sample]],
    ],
    file: [[[sample], [sample]]],
    fileRefused: [
      [sample, JSON.stringify(sample), "give a list"],
      [[1], "[1]", "give a list"],
    ],
  };
}

function quantity(name: string): Case<string> {
  return {
    flag: [["64Ki", "64Ki"]],
    flagRefused: [["x", `--${name}: "x" is no quantity; give a number of bytes such as 0, 512 or 64Ki`]],
    file: [
      ["1M", "1M"],
      [512, "512"],
    ],
    fileRefused: [[true, "true", "give a number of bytes such as 0, 512 or 64Ki"]],
  };
}

const cases: { readonly [P in FieldPath]: Case<FieldValues[P]> } = {
  bindAddress: text("10.0.0.1"),
  bindAddressHardFail: bool("bind-address-hard-fail"),
  "clientConnection.acceptContentTypes": text("application/json", false),
  "clientConnection.burst": int32("kube-api-burst"),
  "clientConnection.contentType": text("application/json"),
  "clientConnection.kubeconfig": text("/var/lib/kube-proxy/kubeconfig.conf"),
  "clientConnection.qps": {
    flag: [
      ["2.5", 2.5],
      ["1e3", 1000],
    ],
    flagRefused: [["many", '--kube-api-qps: "many" is no number; give a number']],
    file: [[2.5, 2.5]],
    fileRefused: [["5", '"5"', "give a number"]],
  },
  clusterCIDR: {
    flag: [["10.244.0.0/16,fd00:244::/48", ["10.244.0.0/16", "fd00:244::/48"]]],
    file: [["10.244.0.0/16,fd00:244::/48", ["10.244.0.0/16", "fd00:244::/48"]]],
    fileRefused: [[["10.0.0.0/8"], '["10.0.0.0/8"]', "give prefixes with a comma between them"]],
  },
  configSyncPeriod: duration("config-sync-period"),
  "conntrack.maxPerCore": int32("conntrack-max-per-core"),
  "conntrack.min": int32("conntrack-min"),
  "conntrack.tcpBeLiberal": bool("conntrack-tcp-be-liberal"),
  "conntrack.tcpCloseWaitTimeout": duration("conntrack-tcp-timeout-close-wait"),
  "conntrack.tcpEstablishedTimeout": duration("conntrack-tcp-timeout-established"),
  "conntrack.udpStreamTimeout": duration("conntrack-udp-timeout-stream"),
  "conntrack.udpTimeout": duration("conntrack-udp-timeout"),
  "detectLocal.bridgeInterface": text("cni0"),
  "detectLocal.interfaceNamePrefix": text("cali"),
  detectLocalMode: text("NodeCIDR"),
  enableProfiling: bool("profiling"),
  featureGates: {
    flag: [
      ["A=true,B=false", { A: true, B: false }],
      ["", {}],
    ],
    flagRefused: [
      ["A", '--feature-gates: "A" is no name=bool,...; give NAME=true or NAME=false, with commas between them'],
      ["A=on", '--feature-gates: "A=on" is no name=bool,...; give NAME=true or NAME=false, with commas between them'],
    ],
    file: [[{ A: true }, { A: true }]],
    fileRefused: [
      [{ A: "true" }, '{"A":"true"}', "give NAME=true or NAME=false, with commas between them"],
      ["A=true", '"A=true"', "give NAME=true or NAME=false, with commas between them"],
    ],
  },
  healthzBindAddress: text("[::]:10256"),
  hostnameOverride: text("node-a"),
  "iptables.localhostNodePorts": bool("iptables-localhost-nodeports"),
  "iptables.masqueradeAll": bool("masquerade-all"),
  "iptables.masqueradeBit": int32("iptables-masquerade-bit"),
  "iptables.minSyncPeriod": duration("iptables-min-sync-period"),
  "iptables.syncPeriod": duration("iptables-sync-period"),
  "ipvs.excludeCIDRs": list("10.0.0.0/8"),
  "ipvs.minSyncPeriod": duration("ipvs-min-sync-period"),
  "ipvs.scheduler": text("rr"),
  "ipvs.strictARP": bool("ipvs-strict-arp"),
  "ipvs.syncPeriod": duration("ipvs-sync-period"),
  "ipvs.tcpFinTimeout": duration("ipvs-tcpfin-timeout"),
  "ipvs.tcpTimeout": duration("ipvs-tcp-timeout"),
  "ipvs.udpTimeout": duration("ipvs-udp-timeout"),
  "logging.flushFrequency": {
    ...duration("log-flush-frequency"),
    file: [
      ["3s", 3000],
      [1_000_000_000, 1000],
    ],
    fileRefused: [["x", '"x"', `give ${durations}`]],
  },
  "logging.format": text("text"),
  "logging.options.json.infoBufferSize": quantity("log-json-info-buffer-size"),
  "logging.options.json.splitStream": bool("log-json-split-stream"),
  "logging.options.text.infoBufferSize": quantity("log-text-info-buffer-size"),
  "logging.options.text.splitStream": bool("log-text-split-stream"),
  "logging.verbosity": {
    flag: [
      ["4", 4],
      ["0", 0],
    ],
    flagRefused: [["-1", '--v: "-1" is no level; give a whole number from 0 to 2147483647']],
    file: [[2, 2]],
    fileRefused: [
      [-1, "-1", "give a whole number from 0 to 2147483647"],
      ["2", '"2"', "give a whole number from 0 to 2147483647"],
    ],
  },
  "logging.vmodule": {
    flag: [["proxier=5,con*=3,", ["proxier=5", "con*=3"]]],
    flagRefused: [["proxier", '--vmodule: "proxier" is no pattern=N,...; give PATTERN=N, with commas between them']],
    file: [[[{ filePattern: "proxier", verbosity: 5 }], ["proxier=5"]]],
    fileRefused: [["proxier=5", '"proxier=5"', "give PATTERN=N, with commas between them"]],
  },
  metricsBindAddress: text("127.0.0.1:10249"),
  mode: text("iptables"),
  "nftables.masqueradeAll": bool(),
  "nftables.masqueradeBit": int32(),
  "nftables.minSyncPeriod": duration(),
  "nftables.syncPeriod": duration(),
  nodePortAddresses: list("192.168.0.0/16"),
  oomScoreAdj: int32("oom-score-adj"),
  portRange: text("1-2", false),
  showHiddenMetricsForVersion: text("1.36"),
  windowsRunAsService: bool(),
  "winkernel.enableDSR": bool(),
  "winkernel.forwardHealthCheckVip": bool(),
  "winkernel.networkName": text("n", false),
  "winkernel.rootHnsEndpointName": text("n", false),
  "winkernel.sourceVip": text("10.0.0.1", false),
};

const all = fieldPaths.map((path) => [path, cases[path] as Case<unknown>] as const);

function nested(path: string, value: FileValue): { readonly [key: string]: FileValue } {
  const [name = "", ...rest] = path.split(".");
  return { [name]: rest.length === 0 ? value : nested(rest.join("."), value) };
}

it.each(all)("%s is set and refused by its flag", (path, { flag = [], flagRefused = [] }) => {
  const { flag: name } = fieldAt(path);
  expect(flag.length > 0).toBe(name !== undefined);
  for (const [text, value] of flag) {
    expect(parseFlags(`--${name}=${text}`).fields).toEqual({ [path]: value });
    if (text !== "" && !text.startsWith("-")) expect(parseFlags(`--${name}`, text).fields).toEqual({ [path]: value });
  }
  for (const [text, message] of flagRefused) expect(() => parseFlags(`--${name}=${text}`)).toThrow(message);
});

it.each(all)("%s is set and refused in a file", (path, { file, fileRefused }) => {
  for (const [value, parsed] of file) expect(configFile(nested(path, value)).values[path]).toEqual(parsed);
  for (const [value, shown, remedy] of fileRefused)
    expect(() => configFile(nested(path, value))).toThrow(`--config FILE: ${path}: ${shown}; ${remedy}`);
});

it.each(all)("%s is its default where a file says nothing", (path) => {
  const { fallback, kind, pointer } = fieldAt(path);
  expect(defaultValues()[path]).toEqual(fallback);
  expect(configFile(nested(path, null)).values[path]).toEqual(fallback);
  // Go cannot tell zero from nothing, but for a pointer.
  const zero = configFile(nested(path, kind.toFile(kind.zero))).values[path];
  expect(zero).toEqual(pointer === true ? kind.zero : fallback);
});

it.each(all)("%s is written so that it reads the same", (path, { file }) => {
  const { kind } = fieldAt(path);
  for (const [, parsed] of file) expect(kind.fromFile(kind.toFile(parsed))).toEqual(parsed);
});
