import { assertNever } from "../../base/index.ts";
import { isForbidden, isInvalid, type KubeApiError } from "../../kube/index.ts";
import type { Finding } from "../status/conditions.ts";
import { WriteError } from "../status/write-error.ts";

/** Why the API server does not let a node port be set. */
export type Refusal =
  | { readonly kind: "inUse"; readonly nodePort: number }
  /** `ports` is what the server says that it takes, as `30000-32767`. */
  | { readonly kind: "outOfRange"; readonly nodePort: number; readonly ports: string }
  | { readonly kind: "forbidden"; readonly message: string }
  /** By admission, say. */
  | { readonly kind: "invalid"; readonly message: string };

/** What kube-apiserver's port allocator says (pkg/registry/core/service/portallocator); undefined: it is no refusal. */
export function refusalOf(thrown: unknown): Refusal | undefined {
  const error = thrown instanceof WriteError ? thrown.cause : thrown;
  if (isForbidden(error)) return { kind: "forbidden", message: error.message };
  if (!isInvalid(error)) return undefined;
  for (const text of causes(error)) {
    const used = /Invalid value: (\d+): provided port is already allocated/.exec(text);
    if (used !== null) return { kind: "inUse", nodePort: Number(used[1]) };
    const out = /Invalid value: (\d+): .*not in the valid range.*?([-\d]+)$/.exec(text);
    if (out !== null) return { kind: "outOfRange", nodePort: Number(out[1]), ports: out[2] ?? "" };
  }
  return { kind: "invalid", message: error.message };
}

function causes(error: KubeApiError): readonly string[] {
  return error.causes.flatMap(({ field = "", message }) =>
    /^spec\.ports\[\d+\]\.nodePort$/.test(field) && message !== undefined ? [message] : [],
  );
}

/** What people get to read. */
export function findingOf(refusal: Refusal): Finding {
  switch (refusal.kind) {
    case "inUse":
      return { status: false, reason: "NodePortsInUse", message: `node port ${refusal.nodePort} is in use` };
    case "outOfRange":
      return outOfRange(`node port ${refusal.nodePort}`, refusal.ports);
    case "forbidden": {
      const remedy = "allow patch on services, as the value controller.setsNodePorts of the chart does";
      return { status: false, reason: "Forbidden", message: `node ports cannot be set: ${refusal.message}; ${remedy}` };
    }
    case "invalid":
      return { status: false, reason: "NodePortsRefused", message: `node ports cannot be set: ${refusal.message}` };
    default:
      return assertNever(refusal, "refusal of node ports");
  }
}

/** Neither the band nor the flag can be right then. */
export function outOfRange(what: string, ports: string): Finding {
  const remedy =
    "set --node-port-range to what kube-apiserver has as --service-node-port-range, and the band within it";
  return { status: false, reason: "NodePortOutOfRange", message: `${what} is not within ${ports}; ${remedy}` };
}
