import { Dice } from "./dice.ts";
import {
  conditions,
  endpointAddress,
  endpointSlice,
  type Family,
  loadBalancerStatus,
  namespaces,
  service,
  sliceName,
  slotAt,
  slots,
} from "./objects.ts";

/** Something that is done to both clusters. */
export type Operation =
  | { readonly kind: "kubectl"; readonly words: readonly string[]; readonly stdin?: string }
  | {
      readonly kind: "request";
      readonly method: "POST" | "PATCH" | "DELETE";
      readonly path: string;
      readonly body?: object;
    }
  /** Breaks the connections of kube-proxy, so that its watches begin anew. */
  | { readonly kind: "cut" };

/** What a round of churn does: the same for the same seed, whatever was before. */
export function operationsOf(seed: number): readonly Operation[] {
  const dice = new Dice(seed);
  return dice.times(3 + dice.below(4), () => dice.pick(moves)(dice)).flat();
}

type Move = (dice: Dice) => Operation[];

function kubectl(words: readonly string[], ...manifests: readonly object[]): Operation {
  if (manifests.length === 0) return { kind: "kubectl", words };
  const list = { apiVersion: "v1", kind: "List", items: manifests };
  return { kind: "kubectl", words: [...words, "-f", "-"], stdin: JSON.stringify(list) };
}

/** What a move is about. */
interface Aim {
  readonly index: number;
  readonly at: readonly string[];
  /** The Service of the slot, and one of its slices. */
  readonly path: string;
  readonly slice: string;
  readonly slicePath: string;
  /** An address that only this slice has. */
  readonly address: string;
}

function aim(dice: Dice): Aim {
  const index = dice.below(slots);
  const { namespace, name } = slotAt(index);
  const family = dice.pick<Family>(["IPv4", "IPv6"]);
  const number = dice.below(2);
  const slice = sliceName(index, family, number);
  return {
    index,
    at: ["-n", namespace],
    path: `/api/v1/namespaces/${namespace}/services/${name}`,
    slice,
    address: endpointAddress(index, family, number, "a", 5),
    slicePath: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${slice}`,
  };
}

function any(dice: Dice): object {
  const index = dice.below(slots);
  return dice.percent(40) ? service(dice, index) : endpointSlice(dice, index);
}

const patchTypes = ["merge", "strategic"] as const;

const moves: readonly [Move, ...Move[]] = [
  (dice) => [kubectl(["apply"], ...dice.times(1 + dice.below(6), () => any(dice)))],
  (dice) => [kubectl(["apply"], ...dice.times(10 + dice.below(20), () => any(dice)))],
  (dice) => [kubectl(["replace"], any(dice))],
  (dice) => [kubectl(["replace", "--force"], any(dice))],
  (dice) => [kubectl(["create", "--save-config"], any(dice))],
  /** A Service with another type, other ports or another policy. */
  (dice) => {
    const { at, index } = aim(dice);
    const { name } = slotAt(index);
    const spec = dice.pick<object>([
      { type: "ClusterIP" },
      { sessionAffinity: dice.pick(["None", "ClientIP"]) },
      { internalTrafficPolicy: dice.pick(["Cluster", "Local"]) },
      {
        externalTrafficPolicy: dice.pick(["Cluster", "Local"]),
        healthCheckNodePort: slotAt(index).healthCheckNodePort,
      },
      { ports: [{ name: "http", port: 80, targetPort: 8000 + dice.below(3) }] },
      { externalIPs: dice.pick([null, [`198.51.100.${index + 100}`]]) },
      { loadBalancerSourceRanges: dice.pick([null, ["192.0.2.0/25"]]) },
      { selector: { app: `a${dice.below(3)}` } },
    ]);
    const type = `--type=${dice.pick(patchTypes)}`;
    return [kubectl(["patch", "service", name, ...at, type, "-p", JSON.stringify({ spec })])];
  },
  /** What a load balancer does. */
  (dice) =>
    dice.times(1 + dice.below(4), () => {
      const { at, index } = aim(dice);
      const body = JSON.stringify(loadBalancerStatus(dice, index));
      return kubectl([
        "patch",
        "service",
        slotAt(index).name,
        ...at,
        "--subresource=status",
        "--type=merge",
        "-p",
        body,
      ]);
    }),
  /** One endpoint changes. */
  (dice) => {
    const { slice, at } = aim(dice);
    const path = `/endpoints/${dice.below(3)}/${dice.pick(["conditions", "hints"])}`;
    const value = path.endsWith("hints") ? { forNodes: [{ name: dice.pick(["node-a", "node-b"]) }] } : conditions(dice);
    const patch = JSON.stringify([{ op: dice.pick(["add", "replace"]), path, value }]);
    return [kubectl(["patch", "endpointslice", slice, ...at, "--type=json", "-p", patch])];
  },
  /** A slice that belongs to another Service now. */
  (dice) => {
    const { slice, at, index } = aim(dice);
    const owner = slotAt((index + 2 * dice.below(2)) % slots).name;
    return [kubectl(["label", "endpointslice", slice, ...at, "--overwrite", `kubernetes.io/service-name=${owner}`])];
  },
  /** A Service that is somebody else's now, or ours again. */
  (dice) => {
    const { index, at } = aim(dice);
    const label = `service.kubernetes.io/service-proxy-name${dice.percent(40) ? "=other" : "-"}`;
    return [kubectl(["label", "service", slotAt(index).name, ...at, "--overwrite", label])];
  },
  (dice) => {
    const { index, at, slice } = aim(dice);
    return [
      kubectl(["delete", `service/${slotAt(index).name}`, `endpointslice/${slice}`, ...at, "--ignore-not-found"]),
    ];
  },
  (dice) => [
    kubectl(["delete", "services,endpointslices", "-n", dice.pick([...namespaces]), "-l", `round=${dice.below(9)}`]),
  ],
  (dice) => [kubectl(["scale", "deployment", "echo", "-n", namespaces[0], `--replicas=${dice.below(5)}`])],
  /** The node moves to another zone and back: hints mean something else. */
  (dice) => [
    kubectl(["label", "node", "node-a", "--overwrite", `topology.kubernetes.io/zone=zone-${dice.pick(["a", "b"])}`]),
  ],
  /** Endpoints that flap faster than anybody writes rules. */
  (dice) => {
    const { slicePath, address } = aim(dice);
    return dice.times(5 + dice.below(25), () => ({
      kind: "request",
      method: "PATCH",
      path: slicePath,
      body: {
        endpoints: [{ addresses: [address], conditions: conditions(dice) }],
      },
    }));
  },
  /** The same name again and again, each time another object. */
  (dice) => {
    const { path, index } = aim(dice);
    const collection = path.slice(0, path.lastIndexOf("/"));
    return dice
      .times(2 + dice.below(4), (): Operation[] => [
        { kind: "request", method: "DELETE", path },
        { kind: "request", method: "POST", path: collection, body: service(dice, index) },
      ])
      .flat();
  },
  /** Connections that break in the middle of changes. */
  (dice) => [
    kubectl(["apply"], ...dice.times(8, () => any(dice))),
    { kind: "cut" },
    kubectl(["apply"], ...dice.times(8, () => any(dice))),
  ],
];
