// Addresses, prefixes and port ranges as values. Invariant: only what `node:net` accepts as an address becomes an
// `Ip` (no octal, no short forms, no zones), and every value has one text form, the canonical one (RFC 5952).
export { canonicalFamily } from "./canonical.ts";
export { type Cidr, cidrAddressAt, cidrContains, cidrOverlaps, cidrSize, formatCidr, parseCidr } from "./cidr.ts";
export { type Family, formatIp, type Ip, ipEquals, parseIp, parseSloppyIp, withPort } from "./ip.ts";
export { formatPortRange, type PortRange, parsePortRange, portRangeContains } from "./port-range.ts";
