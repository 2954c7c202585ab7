// Addresses and prefixes as kube-proxy takes them in its configuration.
import { type Cidr, formatIp, parseCidr, parseSloppyIp, withPort } from "../../net/index.ts";

interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `10.0.0.1:80`, `[::1]:80`; port 1 to 65535. Undefined for anything else. */
export function parseBindAddress(text: string): HostPort | undefined {
  const [, v6, v4 = "", port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? v4;
  const ip = parseSloppyIp(host);
  if (ip === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { host: formatIp(ip), port: Number(port) };
}

/** An address without a port gets one. */
export function withDefaultPort(text: string, port: number): string {
  return parseSloppyIp(text) === undefined ? text : withPort(text, port);
}

/** IPv4 octets may have leading zeros, as kube-proxy reads them. */
export function parseSloppyCidr(text: string): Cidr | undefined {
  const [base = "", prefix = ""] = text.split(/\/(.*)/s);
  return parseCidr(`${base.includes(":") ? base : base.replace(/(^|\.)0+(?=\d)/g, "$1")}/${prefix}`);
}

const keywords: Readonly<Record<string, readonly string[]>> = {
  localhost: ["127.0.0.0/8", "::1/128"],
  all: ["0.0.0.0/0", "::/0"],
};

/** What one entry of nodePortAddresses stands for; undefined when it is none, `primary` itself. */
export function parseNodePortAddress(text: string): "primary" | readonly Cidr[] | undefined {
  if (text === "primary") return text;
  const prefixes = (keywords[text] ?? [text]).map(parseSloppyCidr);
  return prefixes.every((prefix) => prefix !== undefined) ? prefixes : undefined;
}
