import { nodePortsAnnotation, type Service, type ServicePort } from "../../api/index.ts";
import { mergeDiff } from "../../kube/index.ts";
import { servicePortKey } from "../../model/index.ts";

/** The merge patch that sets these node ports and lists them as ours; undefined when all is so already. */
export function ensuringPatch(service: Service, given: ReadonlyMap<string, number>): object | undefined {
  const ports = portsOf(service).map((port) => {
    const nodePort = given.get(servicePortKey(port));
    return nodePort === undefined ? port : { ...port, nodePort };
  });
  return patchTo(service, ports, new Map([...stillOurs(service), ...given]));
}

/**
 * The merge patch that takes away the node ports that are ours and no others; undefined when none are. Where the API
 * server gives node ports itself it would put them back: there they become its own.
 */
export function leavingPatch(service: Service): object | undefined {
  const ours = stillOurs(service);
  const { type, allocateLoadBalancerNodePorts } = service.spec ?? {};
  const removable = type === "LoadBalancer" && allocateLoadBalancerNodePorts === false;
  const ports = portsOf(service).map((port) => {
    if (!removable || !ours.has(servicePortKey(port))) return port;
    const { nodePort: _, ...rest } = port;
    return rest;
  });
  return patchTo(service, ports, new Map());
}

/** What the annotation lists, as far as the ports still have it so: the rest was changed by others, and is theirs. */
function stillOurs(service: Service): ReadonlyMap<string, number> {
  const listed = parse(service.metadata.annotations?.[nodePortsAnnotation]);
  return new Map(
    portsOf(service).flatMap((port): [string, number][] => {
      const { nodePort } = port;
      const key = servicePortKey(port);
      return nodePort !== undefined && listed.get(key) === nodePort ? [[key, nodePort]] : [];
    }),
  );
}

/** An annotation that we did not write lists nothing. */
function parse(text: string | undefined): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
  } catch {
    return new Map();
  }
}

function patchTo(
  service: Service,
  ports: readonly ServicePort[],
  ours: ReadonlyMap<string, number>,
): object | undefined {
  const before = service.metadata.annotations?.[nodePortsAnnotation];
  const listed = ours.size === 0 ? undefined : JSON.stringify(Object.fromEntries([...ours].sort(byKey)));
  return mergeDiff(
    { metadata: { annotations: { [nodePortsAnnotation]: before } }, spec: { ports: portsOf(service) } },
    { metadata: { annotations: { [nodePortsAnnotation]: listed } }, spec: { ports } },
  );
}

function byKey([a]: readonly [string, number], [b]: readonly [string, number]): number {
  return a < b ? -1 : 1;
}

function portsOf({ spec }: Service): readonly ServicePort[] {
  return spec?.ports ?? [];
}
