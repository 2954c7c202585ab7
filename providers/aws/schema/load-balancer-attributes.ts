import { fallbacksOf, loadBalancerAttributes, wrongWith } from "./attributes.ts";
import { keys } from "./keys.ts";
import { bool, form, type Pairs, pairs } from "./kinds.ts";
import type { Reader } from "./reader.ts";

/** Older keys for single attributes. */
const aliases = [
  [keys.crossZone, "load_balancing.cross_zone.enabled", bool],
  [keys.accessLog, "access_logs.s3.enabled", bool],
  [
    keys.accessLogBucket,
    "access_logs.s3.bucket",
    form(/^[a-z0-9.-]{3,63}$/, "the name of a bucket: 3 to 63 small letters, digits, dots and hyphens"),
  ],
  [
    keys.accessLogPrefix,
    "access_logs.s3.prefix",
    form(/^[^,]{0,512}$/, "a prefix of at most 512 characters, without commas"),
  ],
] as const;

/** Every attribute of the load balancer; what nobody mentions is as AWS has it. */
export function readAttributes(reader: Reader): Pairs {
  const given = reader.read(keys.attributes, pairs) ?? {};
  const wrong = wrongWith(given, loadBalancerAttributes);
  if (wrong !== undefined) reader.refuse(keys.attributes, wrong);
  const byAlias: Record<string, string> = {};
  for (const [key, name, kind] of aliases) {
    const value = reader.read<boolean | string>(key, kind);
    if (value === undefined) continue;
    byAlias[name] = String(value);
    if (given[name] !== undefined && given[name] !== byAlias[name])
      reader.refuse(key, `${keys.attributes} says ${name}=${given[name]}; remove one of the two`);
  }
  const all = { ...fallbacksOf(loadBalancerAttributes), ...given, ...byAlias };
  if (all["access_logs.s3.enabled"] === "true" && all["access_logs.s3.bucket"] === "")
    reader.refuse(
      reader.has(keys.accessLog) ? keys.accessLog : keys.attributes,
      `access logs need a bucket; give access_logs.s3.bucket=NAME in ${keys.attributes}`,
    );
  return all;
}
