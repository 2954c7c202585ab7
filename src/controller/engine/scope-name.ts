import { assertNever } from "../../base/index.ts";
import type { ScopeKey } from "../../provider/index.ts";

/** One text per scope of a provider: `members aws-nlb <uid>`. */
export function scopeName(provider: string, key: ScopeKey): string {
  switch (key.kind) {
    case "service":
    case "members":
      return `${key.kind} ${provider} ${key.id.uid}`;
    case "shared":
      return `shared ${provider} ${key.clusterId}/${key.name}`;
    default:
      return assertNever(key, "scope");
  }
}
