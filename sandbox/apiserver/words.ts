// The syntax rules of names, labels, ports and addresses: each returns what is wrong with a text, in the words of
// k8s.io/apimachinery/pkg/util/validation; nothing when it is right.
import { parseCidr, parseIp, parseSloppyIp } from "../../src/net/index.ts";

const labelFormat = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const subdomainFormat = `${labelFormat}(\\.${labelFormat})*`;
const keyFormat = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const valueFormat = `(${keyFormat})?`;

function matches(format: string, text: string): boolean {
  return new RegExp(`^${format}$`).test(text);
}

function regexError(message: string, format: string, ...examples: readonly string[]): string {
  return `${message} (e.g. ${examples.map((example) => `'${example}'`).join(",  or ")}, regex used for validation is '${format}')`;
}

function longerThan(limit: number, text: string, unit: "bytes" | "characters"): string[] {
  return text.length > limit ? [`must be no more than ${limit} ${unit}`] : [];
}

export function labelErrors(text: string): string[] {
  const errors = longerThan(63, text, "characters");
  if (matches(labelFormat, text)) return errors;
  if (matches(subdomainFormat, text)) return [...errors, "must not contain dots"];
  const message =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...errors, regexError(message, labelFormat, "my-name", "123-abc")];
}

/** A label that begins with a letter. */
export function strictLabelErrors(text: string): string[] {
  const format = "[a-z]([-a-z0-9]*[a-z0-9])?";
  const errors = longerThan(63, text, "characters");
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return matches(format, text) ? errors : [...errors, regexError(message, format, "my-name", "abc-123")];
}

export function subdomainErrors(text: string): string[] {
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  const errors = longerThan(253, text, "characters");
  return matches(subdomainFormat, text) ? errors : [...errors, regexError(message, subdomainFormat, "example.com")];
}

/** What may stand in a URL path; all that kinds without a rule of their own ask of a name. */
export function pathSegmentErrors(text: string): string[] {
  if (text === "." || text === "..") return [`may not be '${text}'`];
  return ["/", "%"].filter((letter) => text.includes(letter)).map((letter) => `may not contain '${letter}'`);
}

export function qualifiedNameErrors(text: string): string[] {
  const message =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const format = regexError(message, keyFormat, "MyName", "my.name", "123-abc");
  const parts = text.split("/");
  if (parts.length > 2)
    return [`a valid label key ${format} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  const name = parts.at(-1) ?? "";
  const errors: string[] = [];
  if (parts.length === 2) {
    const [prefix = ""] = parts;
    if (prefix === "") errors.push("prefix part must be non-empty");
    else
      errors.push(...subdomainErrors(prefix).map((error) => `prefix part ${error.replace(/ characters$/, " bytes")}`));
  }
  if (name === "") errors.push("name part must be non-empty");
  errors.push(...longerThan(63, name, "bytes").map((error) => `name part ${error}`));
  if (!matches(keyFormat, name)) errors.push(`name part ${format}`);
  return errors;
}

export function labelValueErrors(text: string): string[] {
  const message =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const errors = longerThan(63, text, "bytes");
  return matches(valueFormat, text)
    ? errors
    : [...errors, regexError(message, valueFormat, "MyValue", "my_value", "12345")];
}

export function portErrors(port: number): string[] {
  return port >= 1 && port <= 65_535 ? [] : ["must be between 1 and 65535, inclusive"];
}

export function portNameErrors(text: string): string[] {
  const errors: string[] = [];
  if (text.length > 15) errors.push("must be no more than 15 characters");
  if (!/^[-a-z0-9]+$/.test(text)) errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(text)) errors.push("must contain at least one letter (a-z)");
  if (text.includes("--")) errors.push("must not contain consecutive hyphens");
  if (/^-|-$/.test(text)) errors.push("must not begin or end with a hyphen");
  return errors;
}

/** Strict since 1.36 (StrictIPCIDRValidation): what older servers let through is refused, with a reason of its own. */
export function ipErrors(text: string): string[] {
  if (parseSloppyIp(text) === undefined) return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"];
  const ip = parseIp(text);
  if (ip === undefined) return ["must not have leading 0s"];
  return isMapped(ip) ? ["must not be an IPv4-mapped IPv6 address"] : [];
}

function isMapped(ip: { family: string; value: bigint }): boolean {
  return ip.family === "IPv6" && ip.value >> 32n === 0xffffn;
}

export function cidrErrors(text: string): string[] {
  const [address = "", bits = ""] = text.split("/");
  const sloppy = parseSloppyIp(address);
  const isPrefix = text.split("/").length === 2 && /^\d+$/.test(bits);
  if (sloppy === undefined || !isPrefix || Number(bits) > (sloppy.family === "IPv4" ? 32 : 128))
    return ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"];
  const cidr = parseCidr(text);
  if (cidr === undefined) return ["must not have leading 0s in IP or prefix length"];
  if (isMapped(sloppy)) return ["must not have an IPv4-mapped IPv6 address"];
  return cidr.base.value === sloppy.value ? [] : ["must not have bits set beyond the prefix length"];
}

/** Addresses that no endpoint and no external IP may have. */
export function endpointIpErrors(text: string): string[] {
  const ip = parseSloppyIp(text);
  if (ip === undefined) return ["must be a valid IP address"];
  const v4 = ip.family === "IPv4";
  const top = (bits: number): bigint => ip.value >> BigInt((v4 ? 32 : 128) - bits);
  if (ip.value === 0n) return [`may not be unspecified (${text})`];
  if (v4 ? top(8) === 127n : ip.value === 1n) return ["may not be in the loopback range (127.0.0.0/8, ::1/128)"];
  if (v4 ? top(16) === 0xa9fen : top(10) === 0x3fan)
    return ["may not be in the link-local range (169.254.0.0/16, fe80::/10)"];
  if (v4 ? top(24) === 0xe00000n : top(16) === 0xff02n)
    return ["may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"];
  return [];
}

export function configKeyErrors(text: string): string[] {
  const message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
  const format = "[-._a-zA-Z0-9]+";
  const errors = longerThan(253, text, "characters");
  if (!matches(format, text)) errors.push(regexError(message, format, "key.name", "KEY_NAME", "key-name"));
  if (text === "." || text === "..") errors.push(`must not be '${text}'`);
  else if (text.startsWith("..")) errors.push("must not start with '..'");
  return errors;
}
