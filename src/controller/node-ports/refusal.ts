import { assertNever } from "../../base/index.ts";
import { isForbidden, isInvalid, type KubeApiError } from "../../kube/index.ts";
import type { Finding } from "../status/conditions.ts";
import { WriteError, whyRefused } from "../status/write-error.ts";

/** Why the API server does not let a node port be set. */
export type Refusal =
  | { readonly kind: "inUse"; readonly nodePort: number }
  /** `ports` is what the server says that it takes, as `30000-32767`. */
  | { readonly kind: "outOfRange"; readonly nodePort: number; readonly ports: string }
  /** For want of the right, or by admission: no other port would do. */
  | { readonly kind: "any"; readonly error: WriteError };

/** What kube-apiserver's port allocator says (pkg/registry/core/service/portallocator); undefined: it is no refusal. */
export function refusalOf(thrown: unknown): Refusal | undefined {
  if (!(thrown instanceof WriteError)) return undefined;
  const { cause } = thrown;
  if (!isForbidden(cause) && !isInvalid(cause)) return undefined;
  for (const text of causes(cause)) {
    const used = /Invalid value: (\d+): provided port is already allocated/.exec(text);
    if (used !== null) return { kind: "inUse", nodePort: Number(used[1]) };
    const out = /Invalid value: (\d+): .*not in the valid range.*?([-\d]+)$/.exec(text);
    if (out !== null) return { kind: "outOfRange", nodePort: Number(out[1]), ports: out[2] ?? "" };
  }
  return { kind: "any", error: thrown };
}

function causes(error: KubeApiError): readonly string[] {
  return error.causes.flatMap(({ field = "", message }) =>
    /^spec\.ports\[\d+\]\.nodePort$/.test(field) && message !== undefined ? [message] : [],
  );
}

/** For people. */
export function whyRefusedPort(refusal: Refusal): string {
  switch (refusal.kind) {
    case "inUse":
      return `node port ${refusal.nodePort} is in use`;
    case "outOfRange":
      return outOfRange(`node port ${refusal.nodePort}`, refusal.ports).message;
    case "any":
      return whyRefused(refusal.error);
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
