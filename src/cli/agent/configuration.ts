// Flags, file and defaults -> the one configuration that holds, by kube-proxy's rules: with a file its flags do not
// count, but for the few of `besideFile` and those that no file knows. Pure.
import { UsageError } from "../../base/index.ts";
import { withDefaultPort } from "./addresses.ts";
import type { ConfigFile } from "./config-file.ts";
import type { Warning } from "./document.ts";
import type { FieldPath, FieldValues } from "./field.ts";
import { defaultValues, fieldAt, fieldPaths } from "./fields.ts";
import { type SwitchName, type SwitchValues, switchAt, switchNames } from "./switches.ts";
import { validate } from "./validation.ts";

/** What stood on the command line. */
export interface Given {
  readonly fields: Partial<FieldValues>;
  readonly switches: Partial<SwitchValues>;
}

export interface Configuration {
  /** With the modes filled in; an empty bind address means no such server. */
  readonly values: FieldValues;
  readonly switches: SwitchValues;
  readonly file: ConfigFile | undefined;
  readonly warnings: readonly Warning[];
}

/** Throws UsageError, naming every field or flag that cannot be followed, its value and the remedy. */
export function resolve(given: Given, file: ConfigFile | undefined): Configuration {
  const heard = heardFields(given, file !== undefined);
  const switches = { ...defaultSwitches(), ...given.switches };
  refuseSharedChains(given.switches);
  const values = complete({ ...(file?.values ?? defaultValues()), ...heard }, switches, file !== undefined);
  const problems = validate(values).map(({ path, value, what }) => {
    const place = file === undefined || Object.hasOwn(heard, path) ? flagOf(path) : `--config ${file.path}: ${path}`;
    return `${place}: ${JSON.stringify(value)} ${what}`;
  });
  if (problems.length > 0) throw new UsageError(problems.join("; "));
  const warnings = [
    ...(file?.warnings ?? []),
    ...deafFlags(given, heard, file),
    ...deprecated(given.switches),
    ...unfollowed(values, file, heard),
  ];
  return { values, switches, file, warnings };
}

/** Who serves Services that a kube-proxy leaves alone most likely runs beside it. */
function refuseSharedChains(given: Partial<SwitchValues>): void {
  const { "service-proxy-name": name = "", "iptables-chain-prefix": prefix } = given;
  if (name === "" || prefix !== undefined) return;
  throw new UsageError(
    `--service-proxy-name: ${JSON.stringify(name)} without --iptables-chain-prefix; two proxies with the same chains delete each other's rules: give a prefix of its own, such as BERTH, or KUBE if no other proxy runs on this node`,
  );
}

function heardFields({ fields, switches }: Given, beside: boolean): Partial<FieldValues> {
  const heard = Object.entries(fields).filter(([path]) => !beside || fieldAt(path as FieldPath).besideFile === true);
  const found = Object.fromEntries(heard) as Partial<FieldValues>;
  const name =
    hostName("--hostname-override", fields.hostnameOverride) ?? hostName("--node-name", switches["node-name"]);
  const { hostnameOverride: _, ...others } = found;
  return name === undefined ? others : { ...others, hostnameOverride: name };
}

function hostName(flag: string, name: string | undefined): string | undefined {
  if (name === undefined || name === "") return undefined;
  if (name.trim() === "") throw new UsageError(`${flag}: empty; give the name of the Node object`);
  return name.trim().toLowerCase();
}

function complete(values: FieldValues, switches: SwitchValues, fromFile: boolean): FieldValues {
  const bind = (path: "healthzBindAddress" | "metricsBindAddress", port: "healthz-port" | "metrics-port"): string => {
    // kube-proxy does not look at these old flags beside a file.
    const wanted = fromFile ? switchAt(port).fallback : switches[port];
    return wanted === 0 ? "" : withDefaultPort(values[path] || defaultValues()[path], Number(wanted));
  };
  return {
    ...values,
    mode: values.mode || "iptables",
    detectLocalMode: values.detectLocalMode || "ClusterCIDR",
    bindAddress: values.bindAddress || defaultValues().bindAddress,
    // Blanks alone are left for the validation to find.
    hostnameOverride: values.hostnameOverride.trim().toLowerCase() || values.hostnameOverride,
    healthzBindAddress: bind("healthzBindAddress", "healthz-port"),
    metricsBindAddress: bind("metricsBindAddress", "metrics-port"),
  };
}

function defaultSwitches(): SwitchValues {
  return Object.fromEntries(switchNames.map((name) => [name, switchAt(name).fallback])) as unknown as SwitchValues;
}

/** Flags that are not heard because a file is given. */
function deafFlags({ fields }: Given, heard: Partial<FieldValues>, file: ConfigFile | undefined): readonly Warning[] {
  if (file === undefined) return [];
  return Object.keys(fields)
    .filter((path) => !Object.hasOwn(heard, path) && fieldAt(path as FieldPath).besideFile !== true)
    .map((path) => ({
      what: flagOf(path as FieldPath),
      why: `not heard beside --config; set ${path} in ${file.path}`,
    }));
}

function deprecated(given: Partial<SwitchValues>): readonly Warning[] {
  return (Object.keys(given) as SwitchName[]).flatMap((name) => {
    const { replaced } = switchAt(name);
    return replaced === undefined ? [] : [{ what: `--${name}`, why: `deprecated by kube-proxy; give ${replaced}` }];
  });
}

/** Fields that ask for something that the agent does not do. */
function unfollowed(
  values: FieldValues,
  file: ConfigFile | undefined,
  heard: Partial<FieldValues>,
): readonly Warning[] {
  return fieldPaths.flatMap((path) => {
    const { kind, fallback, instead } = fieldAt(path);
    const asked = JSON.stringify(kind.toFile(values[path])) !== JSON.stringify(kind.toFile(fallback));
    if (instead === undefined || !asked) return [];
    const place = file === undefined || Object.hasOwn(heard, path) ? flagOf(path) : `${file.path}: ${path}`;
    return [{ what: `${place} ${JSON.stringify(kind.toFile(values[path]))}`, why: instead }];
  });
}

function flagOf(path: FieldPath): string {
  const { flag, short } = fieldAt(path);
  return short === undefined ? `--${flag ?? path}` : `-${short}`;
}
