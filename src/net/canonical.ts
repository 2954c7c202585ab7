import type { Family } from "./ip.ts";

/**
 * The family of an address whose text is in canonical form already; undefined for everything else, also for
 * IPv4-mapped IPv6 addresses. Nearly all addresses of API objects are, and this is a fraction of parsing and formatting.
 */
export function canonicalFamily(text: string): Family | undefined {
  if (text.includes(":")) return isCanonicalV6(text) ? "IPv6" : undefined;
  return isCanonicalV4(text) ? "IPv4" : undefined;
}

function isCanonicalV4(text: string): boolean {
  let octets = 0;
  let digits = 0;
  let value = 0;
  for (let i = 0; i <= text.length; i++) {
    const digit = i < text.length ? text.charCodeAt(i) - 48 : -2;
    // A dot or the end.
    if (digit === -2) {
      if (digits === 0 || value > 255) return false;
      octets += 1;
      digits = 0;
      value = 0;
    } else {
      if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return false;
      digits += 1;
      value = value * 10 + digit;
    }
  }
  return octets === 4;
}

function isCanonicalV6(text: string): boolean {
  const parts = text.split("::");
  const [left, right] = parts.map((part) => (part === "" ? [] : part.split(":")));
  if (left === undefined || parts.length > 2 || text.startsWith("::ffff:")) return false;
  if (!left.every(isGroup) || right?.every(isGroup) === false) return false;
  if (right === undefined) return left.length === 8 && longestRun(left) < 2;
  const gap = 8 - left.length - right.length;
  const isTight = left.at(-1) !== "0" && right[0] !== "0";
  // The first of the longest runs of zeros is what is left out.
  return gap >= 2 && isTight && longestRun(left) < gap && longestRun(right) <= gap;
}

function isGroup(text: string): boolean {
  return /^(0|[1-9a-f][0-9a-f]{0,3})$/.test(text);
}

function longestRun(groups: readonly string[]): number {
  let [run, longest] = [0, 0];
  for (const group of groups) {
    run = group === "0" ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}
