import { errorMessage } from "../../base/index.ts";
import { isForbidden, isInvalid, KubeApiError } from "../../kube/index.ts";
import type { Decision } from "../../provider/index.ts";
import { allowing } from "../rights.ts";

/** Something that is written to the API server. */
export interface Write {
  /** For people: `the finalizer`. */
  readonly what: string;
  /** What RBAC has to allow: `patch services/status`. */
  readonly right: string;
  /** The file in deploy/rbac that does, unless it is the controller's main one. */
  readonly role?: string;
}

export const serviceWrites: Readonly<Record<"finalizer" | "status" | "release" | "nodePorts", Write>> = {
  finalizer: { what: "the finalizer", right: "patch services/status" },
  status: { what: "the status", right: "patch services/status" },
  release: { what: "that it is let go", right: "patch services/status" },
  nodePorts: { what: "its node ports", right: "patch services", role: "optional/controller-node-ports.yaml" },
};

const parkMs = 5 * 60_000;

/** The API server did not take a write, or did not answer; the write may be made once more. */
export class WriteError extends Error {
  override readonly name = "WriteError";
  readonly write: Write;
  readonly decision: Decision;

  constructor(write: Write, cause: unknown) {
    super(`cannot write ${write.what}: ${errorMessage(cause)}`, { cause });
    this.write = write;
    this.decision = decideWrite(write, cause);
  }
}

/** For people: what was refused, why, and what to do. */
export function whyRefused({ message, decision }: WriteError): string {
  return decision.kind === "park" ? `${message}; ${decision.remedy}` : message;
}

function decideWrite({ right, role }: Write, error: unknown): Decision {
  if (isForbidden(error)) return { kind: "park", reason: "Forbidden", remedy: allowing(right, role), forMs: parkMs };
  if (isInvalid(error)) {
    const remedy = "see which rule or admission policy of the cluster refuses it";
    return { kind: "park", reason: "Invalid", remedy, forMs: parkMs };
  }
  if (error instanceof KubeApiError && error.retryAfterMs !== undefined)
    return { kind: "pause", reason: "Throttled", scope: "API server", forMs: error.retryAfterMs };
  return { kind: "backOff", reason: "ApiServerFailed" };
}
