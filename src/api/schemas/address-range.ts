import { type Ip, parseCidr, parseIp } from "../../net/index.ts";

/** Why the text is neither a prefix nor `first-last`; undefined if it is one. */
export function rangeProblem(text: string): string | undefined {
  if (isPrefix(text)) return undefined;
  const [first, last, ...more] = text.split("-").map(address);
  if (first === undefined || last === undefined || more.length > 0) {
    return "is neither a CIDR prefix such as 192.0.2.0/24 nor the first and the last address such as 192.0.2.10-192.0.2.20";
  }
  if (first.family !== last.family) {
    return "the first and the last address must be of one family; write a range for each";
  }
  return first.value > last.value ? "the first address must not be above the last; swap them" : undefined;
}

function isPrefix(text: string): boolean {
  return parseCidr(text) !== undefined && address(text.slice(0, text.indexOf("/"))) !== undefined;
}

/** As CEL's `isIP`, which takes no IPv4 address in the clothes of IPv6. */
function address(text: string): Ip | undefined {
  const ip = parseIp(text);
  return ip?.family === "IPv6" && ip.value >> 32n === 0xffffn ? undefined : ip;
}
