import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { fallbacksOf, listenerAttributes, wrongWith } from "./attributes.ts";
import { keys, listenerAttributesPrefix } from "./keys.ts";
import { bool, choice, form, listOf, type Pairs, pairs } from "./kinds.ts";
import { type ChosenPort, type Port, portList } from "./ports.ts";
import type { Reader } from "./reader.ts";
import type { ListenerSpec, SchemaSettings, TlsSpec } from "./spec.ts";
import { readTargetGroups } from "./target-groups.ts";

/** AWS' quota for one Network Load Balancer, which nobody can have raised. */
const maxListeners = 50;
const maxCertificates = 25;
/** AWS' recommendation for new load balancers. */
const defaultPolicy = "ELBSecurityPolicy-TLS13-1-2-2021-06";

const arn = /^arn:aws[a-z-]*:(?:acm:([a-z0-9-]+):\d{12}:certificate|iam::\d{12}:server-certificate)\/\S+$/;
const certificates = listOf(form(arn, "ARNs of certificates of ACM or IAM"), maxCertificates);
const policy = form(
  /^ELBSecurityPolicy-[A-Za-z0-9-]{1,100}$/,
  "a policy of AWS, such as ELBSecurityPolicy-TLS13-1-2-2021-06",
);
const alpn = choice("HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None");

/** One listener for each port number; what cannot have one is an issue of its port. */
export function readListeners(
  lb: DesiredLoadBalancer,
  reader: Reader,
  settings: SchemaSettings,
): readonly ListenerSpec[] {
  const tls = readTls(lb, reader, settings);
  const mayMerge = reader.read(keys.tcpUdp, bool) ?? true;
  const groups = [...Map.groupBy(lb.ports, ({ port }) => port)].sort(([a], [b]) => a - b);
  const chosen = groups.map(([, ports]) => protocolOf(ports, tls, mayMerge, reader));
  for (const { port } of chosen.slice(maxListeners)) {
    const message = `a Network Load Balancer has at most ${maxListeners} listeners, for the lowest ports; make another Service for the others`;
    reader.add({ ...issueOf(port), reason: "QuotaExceeded", message });
  }
  const kept = chosen.slice(0, maxListeners);
  const attributes = readListenerAttributes(reader, kept);
  const targetGroups = readTargetGroups(lb, reader, settings, kept);
  return kept.flatMap(({ port, protocol }) => {
    const targetGroup = targetGroups.get(port);
    if (targetGroup === undefined) return [];
    const own = attributes.get(port.port) ?? {};
    const tlsSpec = protocol === "TLS" ? tls?.spec : undefined;
    return { port: port.port, protocol, tls: tlsSpec, attributes: own, targetGroup };
  });
}

interface Tls {
  readonly spec: TlsSpec;
  has(port: Port): boolean;
}

/** AWS tells listeners apart by their port alone, so TCP and UDP of one number have to be one. */
function protocolOf(ports: readonly Port[], tls: Tls | undefined, mayMerge: boolean, reader: Reader): ChosenPort {
  const tcp = ports.find(({ protocol }) => protocol === "TCP");
  const udp = ports.find(({ protocol }) => protocol === "UDP");
  const port = tcp ?? udp ?? ports[0];
  if (port === undefined) throw new Error("a port number without a port");
  const protocol = tcp === undefined ? "UDP" : tls?.has(tcp) === true ? "TLS" : "TCP";
  if (tcp === undefined || udp === undefined) return { port, protocol };
  const why =
    protocol === "TLS"
      ? "TCP of the same number has TLS; take another number"
      : !mayMerge
        ? `TCP has the same number and ${keys.tcpUdp} is false; set it to true`
        : tcp.nodePort !== udp.nodePort
          ? `TCP of the same number has node port ${tcp.nodePort} and UDP has ${udp.nodePort}; give both the same`
          : undefined;
  if (why === undefined) return { port, protocol: "TCP_UDP" };
  reader.add({ ...issueOf(udp), reason: "ListenerConflict", message: `UDP port ${udp.port} has no listener: ${why}` });
  return { port, protocol };
}

function issueOf({ name, port, protocol }: Port): {
  readonly path: string;
  readonly port: Pick<Port, "port" | "protocol">;
  readonly severity: "degrade";
} {
  const path = name === "" ? "spec.ports" : `spec.ports[name=${name}]`;
  return { path, port: { port, protocol }, severity: "degrade" };
}

function readTls(lb: DesiredLoadBalancer, reader: Reader, { region }: SchemaSettings): Tls | undefined {
  const arns = reader.read(keys.certificates, certificates);
  const ports = reader.read(keys.tlsPorts, portList(lb, "TCP"));
  const spec = {
    policy: reader.read(keys.tlsPolicy, policy) ?? defaultPolicy,
    alpn: reader.read(keys.alpn, alpn) ?? "None",
  };
  if (!reader.has(keys.certificates)) {
    for (const key of [keys.tlsPorts, keys.tlsPolicy, keys.alpn])
      if (reader.has(key)) reader.degrade(key, `nothing has TLS without a certificate; give ${keys.certificates}`);
    return undefined;
  }
  const elsewhere = arns?.find((text) => (arn.exec(text)?.[1] ?? region) !== region);
  if (elsewhere !== undefined)
    reader.refuse(keys.certificates, `${elsewhere} is in another region; give certificates of ${region}`);
  return {
    spec: { ...spec, certificates: arns ?? [] },
    has: (port) => ports === undefined || ports.includes(port),
  };
}

function readListenerAttributes(reader: Reader, chosen: readonly ChosenPort[]): ReadonlyMap<number, Pairs> {
  const given = new Map<number, Pairs>();
  for (const key of Object.keys(reader.annotations).sort()) {
    if (!key.startsWith(listenerAttributesPrefix)) continue;
    const [protocol, number] = key.slice(listenerAttributesPrefix.length).split("-");
    const found = chosen.find((one) => one.protocol === protocol && `${one.port.port}` === number);
    if (found === undefined) {
      const names = chosen.map((one) => `${one.protocol}-${one.port.port}`);
      reader.refuse(key, `there is no such listener; end the key with one of ${names.join(", ")}`);
      continue;
    }
    const values = reader.read(key, pairs) ?? {};
    const wrong = wrongWith(values, listenerAttributes(found.protocol));
    if (wrong !== undefined) reader.refuse(key, wrong);
    given.set(found.port.port, values);
  }
  return new Map(
    chosen.map(({ port, protocol }) => [
      port.port,
      { ...fallbacksOf(listenerAttributes(protocol)), ...given.get(port.port) },
    ]),
  );
}
