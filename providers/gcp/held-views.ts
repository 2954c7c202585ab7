import type { Clock } from "../../src/base/index.ts";
import type { ScopeKey } from "../../src/provider/index.ts";
import { baseName, isNamed, sharedBaseName } from "./names.ts";
import type { Observation } from "./observation.ts";
import type { Group, Ref } from "./resources.ts";

interface View {
  readonly key: ScopeKey;
  readonly observed: Observation;
  readonly seenAt: number;
}

/** As long as an operation that makes no progress is worth another look at everything. */
const maxAgeMs = 30_000;

/**
 * What was seen of scopes of which operations go on. Until one of these is over there is nothing else to be seen, so
 * asking for it all again each second would only use up the project's quota.
 */
export class HeldViews {
  readonly #clock: Clock;
  readonly #views = new Map<string, View>();
  /** Scopes of which the last that anybody saw was seen before. */
  readonly #old = new Map<string, ScopeKey>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  keep(key: ScopeKey, observed: Observation): void {
    this.#views.set(textOf(key), { key, observed, seenAt: this.#clock.monotonic() });
  }

  /** Undefined when there is something new to be seen; whoever asked looks. */
  show(key: ScopeKey): Observation | undefined {
    const text = textOf(key);
    const view = this.#views.get(text);
    if (view === undefined || this.#clock.monotonic() - view.seenAt > maxAgeMs) {
      this.#views.delete(text);
      this.#old.delete(text);
      return undefined;
    }
    this.#old.set(text, key);
    return view.observed;
  }

  /** Whether a plan for this resource was made from what was seen before. */
  isOld(target: Ref): boolean {
    return [...this.#old.values()].some((key) => isPartOf(key, target));
  }

  /** Something has become of this resource. */
  drop(target: Ref): void {
    for (const [text, { key }] of this.#views) if (isPartOf(key, target)) this.#views.delete(text);
  }
}

/** Whether a resource is changed with this scope, and no other. */
export function isPartOf(key: ScopeKey, { kind, name }: Ref): boolean {
  return isNamed(baseOf(key), name) && groupOf(key) === (kind.endsWith("Group") ? kind : undefined);
}

/** The kind of groups that are all of what the scope changes; undefined: it changes all else. */
function groupOf(key: ScopeKey): Group["kind"] | undefined {
  if (key.kind === "members") return "endpointGroup";
  return key.kind === "shared" && key.name === "instance-groups" ? "instanceGroup" : undefined;
}

function textOf(key: ScopeKey): string {
  return key.kind === "shared" ? `${key.kind} ${baseOf(key)} ${key.name}` : `${key.kind} ${baseOf(key)}`;
}

function baseOf(key: ScopeKey): string {
  return key.kind === "shared" ? sharedBaseName(key.clusterId) : baseName(key.id);
}
