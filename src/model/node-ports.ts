import { hash } from "node:crypto";
import type { Service, ServicePort } from "../api/index.ts";
import type { PortRange } from "../net/index.ts";

/** `80/TCP`: what tells the ports of one Service apart. */
export function servicePortKey({ port, protocol = "TCP" }: ServicePort): string {
  return `${port}/${protocol}`;
}

/**
 * The part of the node port range where API servers choose themselves (KEP-3668). What lies below is for people to
 * choose from, and so is none of ours unless an admin says so.
 */
export function dynamicBand({ first, last }: PortRange): PortRange {
  const size = last - first + 1;
  if (size <= 16) return { first, last };
  return { first: first + Math.min(Math.max(16, Math.floor(size / 32)), 128), last };
}

export interface NodePortRequest {
  readonly service: Service;
  readonly band: PortRange;
  /** Every node port that any Service has, this one too. */
  readonly taken: ReadonlySet<number>;
  /** Those that the API server would not give, whatever is known of them. */
  readonly refused: ReadonlySet<number>;
}

/**
 * A node port for each port of the Service that has none, by `servicePortKey`: where the hash of namespace, name and
 * port falls in the band, or the next free one. So a Service that is made again gets what it had, and no other Service
 * moves it. Two protocols of one port share a number, as the API server does it for a new Service.
 */
export function assignNodePorts({
  service,
  band,
  taken,
  refused,
}: NodePortRequest): ReadonlyMap<string, number> | "exhausted" {
  const ports = service.spec?.ports ?? [];
  const given = new Map<string, number>();
  const numberOf = (port: ServicePort): number => port.nodePort ?? given.get(servicePortKey(port)) ?? 0;
  const isInUse = (number: number): boolean => taken.has(number) || refused.has(number);
  for (const port of ports.filter(({ nodePort = 0 }) => nodePort === 0).sort(byPort)) {
    const used = ports.filter(({ protocol }) => protocol === port.protocol).map(numberOf);
    const shared = ports.filter((other) => other.port === port.port).map(numberOf);
    const others = new Set(ports.map(numberOf));
    const number =
      shared.find((candidate) => candidate !== 0 && !used.includes(candidate)) ??
      probe(band, start(service, port), (candidate) => isInUse(candidate) || others.has(candidate));
    if (number === undefined) return "exhausted";
    given.set(servicePortKey(port), number);
  }
  return given;
}

function byPort(a: ServicePort, b: ServicePort): number {
  return a.port - b.port || (servicePortKey(a) < servicePortKey(b) ? -1 : 1);
}

function start({ metadata: { namespace = "", name = "" } }: Service, { port }: ServicePort): number {
  return hash("sha256", `${namespace}/${name}/${port}`, "buffer").readUInt32BE();
}

/** The first free number of the band from the offset on, around its end. */
function probe({ first, last }: PortRange, offset: number, isInUse: (number: number) => boolean): number | undefined {
  const size = last - first + 1;
  for (let i = 0; i < size; i++) {
    const candidate = first + ((offset + i) % size);
    if (!isInUse(candidate)) return candidate;
  }
  return undefined;
}
