import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { keys } from "./keys.ts";
import { choice, form, type Kind, whole } from "./kinds.ts";
import type { Reader } from "./reader.ts";
import type { HealthCheckSpec, SchemaSettings } from "./spec.ts";

type Timing = Omit<HealthCheckSpec, "protocol" | "port" | "http">;

/** Of the AWS controller: quicker where a node without endpoints fails on purpose. */
const localTiming: Timing = { intervalSeconds: 10, timeoutSeconds: 6, healthyThreshold: 2, unhealthyThreshold: 2 };
const clusterTiming: Timing = { intervalSeconds: 10, timeoutSeconds: 10, healthyThreshold: 3, unhealthyThreshold: 3 };

const protocols = choice("tcp", "http", "https");
const path = form(/^\/[^\s?#]{0,1023}$/, "a path, beginning with /");
const codes = form(
  /^[2-5]\d\d(-[2-5]\d\d)?(,[2-5]\d\d(-[2-5]\d\d)?)*$/,
  "codes from 200 to 599, such as 200-399 or 200,301",
);
const where = [keys.healthProtocol, keys.healthPort, keys.healthPath];

/**
 * Nodes say by themselves whether they take traffic; who names a protocol, port or path of his own gets the AWS
 * controller's check, with its defaults for what he leaves out.
 */
export function readHealthCheck(
  lb: DesiredLoadBalancer,
  reader: Reader,
  settings: SchemaSettings,
  isProxied: boolean,
): HealthCheckSpec {
  const own = where.some((key) => reader.has(key));
  const base = own ? controllersCheck(lb) : nodesCheck(lb, reader, settings, isProxied);
  const protocol = reader.read(keys.healthProtocol, protocols)?.toUpperCase() as
    | HealthCheckSpec["protocol"]
    | undefined;
  const check = { ...base, protocol: protocol ?? base.protocol };
  const http = {
    path: reader.read(keys.healthPath, path) ?? base.http?.path ?? "/",
    codes: reader.read(keys.healthCodes, codes) ?? "200-399",
  };
  if (check.protocol === "TCP")
    for (const key of [keys.healthPath, keys.healthCodes])
      if (reader.has(key)) reader.degrade(key, `a check by TCP has none; set ${keys.healthProtocol} to http or https`);
  return {
    ...check,
    port: reader.read(keys.healthPort, healthPort(lb)) ?? base.port,
    http: check.protocol === "TCP" ? undefined : http,
    ...readTiming(reader, base),
  };
}

/** What the AWS controller does where nothing is said. */
function controllersCheck(lb: DesiredLoadBalancer): HealthCheckSpec {
  if (lb.externalTrafficPolicy === "Cluster")
    return { protocol: "TCP", port: "traffic-port", http: undefined, ...clusterTiming };
  return ofNodes(lb);
}

function nodesCheck(
  lb: DesiredLoadBalancer,
  reader: Reader,
  { agents }: SchemaSettings,
  isProxied: boolean,
): HealthCheckSpec {
  // The header goes before the probe too, and only our agents expect it.
  if (!isProxied || agents) return ofNodes(lb);
  if (lb.externalTrafficPolicy === "Local") {
    const message =
      "with the PROXY protocol the health checks of nodes that no berth agent serves fail (kubernetes/kubernetes#101529); set Cluster, or turn the PROXY protocol off";
    reader.add({
      path: "spec.externalTrafficPolicy",
      severity: "refuse",
      reason: "ProxyProtocolNotSupported",
      message,
    });
  }
  return { protocol: "TCP", port: "traffic-port", http: undefined, ...clusterTiming };
}

function ofNodes({ healthCheck }: DesiredLoadBalancer): HealthCheckSpec {
  const http = { path: healthCheck.path, codes: "200-399" };
  return { protocol: "HTTP", port: healthCheck.port, http, ...localTiming };
}

function readTiming(reader: Reader, base: Timing): Timing {
  const intervalSeconds = reader.read(keys.healthInterval, whole(5, 300)) ?? base.intervalSeconds;
  const given = reader.read(keys.healthTimeout, whole(2, 120));
  if (given !== undefined && given > intervalSeconds)
    reader.refuse(keys.healthTimeout, `give at most the interval, ${intervalSeconds}`);
  return {
    intervalSeconds,
    timeoutSeconds: given ?? Math.min(base.timeoutSeconds, intervalSeconds),
    healthyThreshold: reader.read(keys.healthyThreshold, whole(2, 10)) ?? base.healthyThreshold,
    unhealthyThreshold: reader.read(keys.unhealthyThreshold, whole(2, 10)) ?? base.unhealthyThreshold,
  };
}

function healthPort({ ports }: DesiredLoadBalancer): Kind<"traffic-port" | number> {
  const names = ports.map(({ name }) => name).filter((name) => name !== "");
  const number = whole(1, 65_535);
  return {
    allowed: `traffic-port, a number from 1 to 65535 or the name of a port${names.length === 0 ? "" : `: ${names.join(", ")}`}`,
    parse(text) {
      if (text === "traffic-port") return text;
      return number.parse(text) ?? ports.find(({ name }) => name !== "" && name === text)?.nodePort;
    },
  };
}
