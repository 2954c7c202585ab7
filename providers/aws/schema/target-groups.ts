import { annotations } from "../../../src/api/index.ts";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { fallbacksOf, targetGroupAttributes, wrongWith } from "./attributes.ts";
import { readHealthCheck } from "./health-check.ts";
import { keys, portAttributesPrefix } from "./keys.ts";
import { choice, type Pairs, pairs, whole } from "./kinds.ts";
import { type ChosenPort, type Port, portList } from "./ports.ts";
import type { Reader } from "./reader.ts";
import type { ListenerProtocol, SchemaSettings, TargetGroupSpec } from "./spec.ts";

const delay = "deregistration_delay.timeout_seconds";
const preserve = "preserve_client_ip.enabled";
const proxy = "proxy_protocol_v2.enabled";
const stickiness = "stickiness.enabled";

/** What stands behind each listener. */
export function readTargetGroups(
  lb: DesiredLoadBalancer,
  reader: Reader,
  settings: SchemaSettings,
  chosen: readonly ChosenPort[],
): ReadonlyMap<Port, TargetGroupSpec> {
  const toTls = reader.read(keys.backendProtocol, choice("ssl", "tcp")) === "ssl";
  if (toTls && !chosen.some(({ protocol }) => protocol === "TLS"))
    reader.degrade(keys.backendProtocol, `only ports with TLS have it; give ${keys.certificates}`);
  const everywhere = readEverywhere(lb, reader, chosen);
  const byPort = readByPort(reader, chosen);
  const proxied = readProxied(lb, reader);
  const attributesOf = ({ port, protocol }: ChosenPort): Pairs => {
    const own = { ...everywhere(protocol), ...byPort.get(port) };
    return { ...own, ...(proxied !== undefined && { [proxy]: String(proxied.has(port)) }) };
  };
  const attributes = new Map(chosen.map((one) => [one.port, attributesOf(one)]));
  checkTogether(lb, reader, chosen, attributes);
  const isProxied = [...attributes.values()].some((own) => own[proxy] === "true");
  const healthCheck = readHealthCheck(lb, reader, settings, isProxied);
  return new Map(
    chosen.map(({ port, protocol }) => {
      const ofGroup = protocol === "TLS" && !toTls ? "TCP" : protocol;
      const own = attributes.get(port) ?? {};
      return [port, { protocol: ofGroup, nodePort: port.nodePort, healthCheck, attributes: own }];
    }),
  );
}

/** Attributes that all target groups have, where their protocol has such. */
function readEverywhere(
  lb: DesiredLoadBalancer,
  reader: Reader,
  chosen: readonly ChosenPort[],
): (protocol: ListenerProtocol) => Pairs {
  const given = reader.read(keys.targetGroupAttributes, pairs) ?? {};
  const wrong = wrongWith(given, Object.assign({}, ...chosen.map(({ protocol }) => targetGroupAttributes(protocol))));
  if (wrong !== undefined) reader.refuse(keys.targetGroupAttributes, wrong);
  const seconds = reader.read(annotations.drainSeconds, whole(0, 3600));
  if (seconds !== undefined && given[delay] !== undefined && given[delay] !== `${seconds}`)
    reader.refuse(
      annotations.drainSeconds,
      `${keys.targetGroupAttributes} says ${given[delay]}; remove one of the two`,
    );
  const ours: Pairs = {
    ...(seconds !== undefined && { [delay]: `${seconds}` }),
    ...(lb.sessionAffinity.kind === "ClientIP" && { [stickiness]: "true" }),
  };
  return (protocol) => {
    const known = fallbacksOf(targetGroupAttributes(protocol));
    const mine = Object.entries({ ...ours, ...given }).filter(([name]) => known[name] !== undefined);
    // AWS has no stickiness behind TLS.
    const isSticky = protocol === "TLS" && given[stickiness] === undefined ? { [stickiness]: "false" } : {};
    return { ...known, ...Object.fromEntries(mine), ...isSticky };
  };
}

function readByPort(reader: Reader, chosen: readonly ChosenPort[]): ReadonlyMap<Port, Pairs> {
  const found = new Map<Port, Pairs>();
  for (const key of Object.keys(reader.annotations).sort()) {
    if (!key.startsWith(portAttributesPrefix)) continue;
    const word = key.slice(portAttributesPrefix.length);
    const one = chosen.find(({ port }) => `${port.port}` === word);
    if (one === undefined) {
      const numbers = chosen.map(({ port }) => port.port);
      reader.refuse(key, `there is no such port; end the key with one of ${numbers.join(", ")}`);
      continue;
    }
    const own = Object.entries(reader.read(key, pairs) ?? {}).filter(([, value]) => value !== "");
    const wrong = wrongWith(Object.fromEntries(own), targetGroupAttributes(one.protocol));
    if (wrong !== undefined) reader.refuse(key, wrong);
    // An empty value leaves what all have.
    found.set(one.port, Object.fromEntries(own));
  }
  return found;
}

/** The ports whose target groups send the header of the PROXY protocol; undefined: their attributes say it. */
function readProxied(lb: DesiredLoadBalancer, reader: Reader): ReadonlySet<Port> | undefined {
  const all = reader.read(keys.proxyProtocol, choice("*"));
  const some = reader.read(keys.proxyProtocolPorts, portList(lb));
  if (all !== undefined) return new Set(lb.ports);
  return some === undefined ? undefined : new Set(some);
}

/** What AWS refuses in combination. */
function checkTogether(
  lb: DesiredLoadBalancer,
  reader: Reader,
  chosen: readonly ChosenPort[],
  attributes: ReadonlyMap<Port, Pairs>,
): void {
  for (const { port, protocol } of chosen) {
    const own = attributes.get(port) ?? {};
    const byPort = `${portAttributesPrefix}${port.port}`;
    const key = reader.has(byPort) ? byPort : keys.targetGroupAttributes;
    if (own[preserve] === "false" && (protocol === "UDP" || protocol === "TCP_UDP"))
      reader.refuse(key, `${protocol} port ${port.port} always keeps the client's address; set ${preserve}=true there`);
    if (own[stickiness] === "true" && protocol === "TLS")
      reader.refuse(key, `port ${port.port} has TLS, which has no stickiness; remove ${stickiness} there`);
  }
  const withTls = chosen.filter(({ protocol }) => protocol === "TLS").map(({ port }) => port.port);
  if (lb.sessionAffinity.kind === "ClientIP" && withTls.length > 0) {
    const message = `ports with TLS (${withTls.join(", ")}) do not keep a client on one node`;
    reader.add({ path: "spec.sessionAffinity", severity: "degrade", reason: "SessionAffinityNotSupported", message });
  }
}
