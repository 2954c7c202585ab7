import { objectKey, type Service } from "../api/index.ts";
import { holdersOf } from "./leftovers.ts";
import { conditionOf } from "./status/conditions.ts";
import type { TermParts } from "./term-parts.ts";

type Parts = Pick<TermParts, "providers" | "classes" | "scopes" | "leftovers" | "orphans" | "records">;

/** What a controller that leaves has not given up yet, a text for each. `adopted`: the providers that said what they have. */
export function remainsOf(parts: Parts, services: readonly Service[], adopted: ReadonlySet<string>): readonly string[] {
  const { providers, classes, scopes, leftovers, orphans, records } = parts;
  const held = services.filter((service) => holdersOf(service, classes.current()).length > 0).map(serviceText);
  const unseen = [...providers.keys()]
    .filter((name) => !adopted.has(name))
    .map((name) => `load balancers of ${name}: cannot be listed`);
  const doomed = [...providers.keys()].filter((name) => orphans.dooms(name)).map((name) => `orphans of ${name}`);
  const left = leftovers.left.map(({ namespace, name }) => `${namespace}/${name}: the Service is gone`);
  const found = [...unseen, ...held, ...left, ...doomed, ...scopes.unused];
  return found.length === 0 && records.isBusy ? ["LoadBalancerRecords"] : found;
}

/** With what its condition says, which is why it is not done. */
function serviceText(service: Service): string {
  const { reason, message } = conditionOf(service.status?.conditions ?? [], "programmed") ?? {};
  const why = [reason, message].filter((text) => text !== undefined && text !== "").join(": ");
  return `${objectKey(service.metadata)}${why === "" ? "" : ` (${why})`}`;
}
