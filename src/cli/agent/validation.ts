// What is wrong with a configuration, as kube-proxy's own validation sees it and, where a value would reach a rule,
// more strictly. Pure.
import { parseSloppyIp } from "../../net/index.ts";
import { formatMs } from "../go-duration.ts";
import { parseBindAddress, parseNodePortAddress, parseSloppyCidr } from "./addresses.ts";
import type { FieldPath, FieldValues } from "./field.ts";
import { fieldAt } from "./fields.ts";
import type { FileValue } from "./kinds.ts";

export interface Problem {
  readonly path: FieldPath;
  /** As it was written. */
  readonly value: FileValue;
  /** What is wrong with it, and the remedy. */
  readonly what: string;
}

export function validate(values: FieldValues): readonly Problem[] {
  return [
    ...validateNumbers(values),
    ...validatePeriods(values),
    ...validateAddresses(values),
    ...validateModes(values),
    ...validateDetection(values),
  ];
}

type Check = (values: FieldValues) => readonly Problem[];

function problem(values: FieldValues, path: FieldPath, what: string): Problem {
  return { path, value: fieldAt(path).kind.toFile(values[path]), what };
}

export const ranges: readonly (readonly [path: FieldPath, min: number, max: number])[] = [
  ["iptables.masqueradeBit", 0, 31],
  ["oomScoreAdj", -1000, 1000],
];
export const notNegative: readonly FieldPath[] = [
  "clientConnection.burst",
  "conntrack.maxPerCore",
  "conntrack.min",
  "conntrack.tcpCloseWaitTimeout",
  "conntrack.tcpEstablishedTimeout",
  "conntrack.udpStreamTimeout",
  "conntrack.udpTimeout",
  "iptables.minSyncPeriod",
];

const validateNumbers: Check = (values) => [
  ...ranges.flatMap(([path, min, max]) => {
    const value = values[path] as number;
    return value < min || value > max ? [problem(values, path, `must be within ${min} to ${max}`)] : [];
  }),
  ...notNegative.flatMap((path) =>
    (values[path] as number) < 0 ? [problem(values, path, "must not be negative; give 0 or more")] : [],
  ),
];

const positive: readonly FieldPath[] = ["configSyncPeriod", "iptables.syncPeriod", "logging.flushFrequency"];

const validatePeriods: Check = (values) => {
  const short = positive
    .filter((path) => (values[path] as number) <= 0)
    .map((path) => problem(values, path, "must be greater than 0"));
  if (short.length > 0 || values["iptables.minSyncPeriod"] <= values["iptables.syncPeriod"]) return short;
  const min = formatMs(values["iptables.minSyncPeriod"]);
  return [problem(values, "iptables.syncPeriod", `is shorter than iptables.minSyncPeriod; give ${min} or more`)];
};

const validateAddresses: Check = (values) => [
  ...(parseSloppyIp(values.bindAddress) === undefined
    ? [problem(values, "bindAddress", "is no address; give one such as 10.0.0.1, or 0.0.0.0 for none")]
    : []),
  ...(["healthzBindAddress", "metricsBindAddress"] as const)
    // Empty: no such server is wanted.
    .filter((path) => values[path] !== "" && parseBindAddress(values[path]) === undefined)
    .map((path) => problem(values, path, "is no address; give IP:PORT, such as 127.0.0.1:8080 or [::]:8080")),
  ...validateNodePortAddresses(values),
];

function validateNodePortAddresses(values: FieldValues): readonly Problem[] {
  const { nodePortAddresses: wanted } = values;
  const found = (value: string, what: string): Problem => ({ path: "nodePortAddresses", value, what });
  const bad = wanted
    .filter((one) => parseNodePortAddress(one) === undefined)
    .map((one) => found(one, "is no prefix; give ADDRESS/BITS, such as 10.0.0.0/8, or primary, localhost or all"));
  if (bad.length > 0) return bad;
  const repeated = ["primary", "localhost", "all"].filter((word) => wanted.indexOf(word) !== wanted.lastIndexOf(word));
  if (repeated.length > 0) return repeated.map((word) => found(word, "is there twice; give it once"));
  return wanted.includes("primary") && wanted.length > 1
    ? [found(wanted.join(","), "primary stands beside others; give primary alone, or prefixes that hold its addresses")]
    : [];
}

export const localModes: readonly string[] = ["ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix"];
const modeRemedy =
  "is another way than this agent's, which programs iptables; give iptables or nothing, or stay with kube-proxy";

const validateModes: Check = (values) => [
  ...(values.hostnameOverride !== "" && values.hostnameOverride.trim() === ""
    ? [problem(values, "hostnameOverride", "is no name; give that of the Node object")]
    : []),
  ...(values.mode === "iptables" ? [] : [problem(values, "mode", modeRemedy)]),
  ...(localModes.includes(values.detectLocalMode)
    ? []
    : [problem(values, "detectLocalMode", `is no such mode; give one of ${localModes.join(", ")}`)]),
  ...(["json", "text"].includes(values["logging.format"])
    ? []
    : [problem(values, "logging.format", "is no such format; give json or text")]),
];

const validateDetection: Check = (values) => {
  switch (values.detectLocalMode) {
    case "BridgeInterface":
      return validateInterface(values, "detectLocal.bridgeInterface", 15);
    case "InterfaceNamePrefix":
      // A prefix and the `+` behind it must fit where a name fits.
      return validateInterface(values, "detectLocal.interfaceNamePrefix", 14);
    case "ClusterCIDR":
      return validateClusterCidrs(values);
    default:
      return [];
  }
};

/** What the kernel takes as an interface's name, without what would end a word of a rule. */
function validateInterface(
  values: FieldValues,
  path: "detectLocal.bridgeInterface" | "detectLocal.interfaceNamePrefix",
  max: number,
): readonly Problem[] {
  const name = values[path];
  if (name === "") return [problem(values, path, `is needed with detectLocalMode ${values.detectLocalMode}; give it`)];
  return name.length > max || !/^[\w.@-]+$/.test(name)
    ? [problem(values, path, `can be no interface's; give at most ${max} of letters, digits and . _ @ -`)]
    : [];
}

function validateClusterCidrs(values: FieldValues): readonly Problem[] {
  const { clusterCIDR: wanted } = values;
  const prefixes = wanted.map(parseSloppyCidr);
  const bad = wanted
    .filter((_, i) => prefixes[i] === undefined)
    .map((value): Problem => {
      const what = "is no prefix; give ADDRESS/BITS, such as 10.244.0.0/16";
      return { path: "clusterCIDR", value, what };
    });
  if (bad.length > 0) return bad;
  const families = prefixes.map((prefix) => prefix?.base.family);
  const twice = families.find((family, i) => families.indexOf(family) !== i);
  return twice === undefined
    ? []
    : [problem(values, "clusterCIDR", `two ${twice} prefixes; give one that holds all pods of the family`)];
}
