import { firstFew } from "../../base/index.ts";
import type { Loss } from "../../model/index.ts";

/** Which ports others have on which nodes. Services of other namespaces are not named, only counted. */
export function conflictMessage(namespace: string, losses: readonly (Loss & { readonly node: string })[]): string {
  const ports = names(losses.flatMap((loss) => loss.ports));
  const winners = [...new Set(losses.map(({ to }) => to))];
  const own = winners.filter((key) => key.startsWith(`${namespace}/`)).map((key) => key.slice(namespace.length + 1));
  const others = winners.length - own.length;
  const owners = [
    ...(own.length === 0 ? [] : [`${own.length === 1 ? "Service" : "Services"} ${names(own)}`]),
    ...(others === 0 ? [] : [`${others} ${others === 1 ? "Service" : "Services"} of other namespaces`]),
  ];
  return `${ports} of ${names(losses.map(({ node }) => node))} belongs to ${owners.join(" and ")}; the older Service has it`;
}

function names(all: readonly string[]): string {
  return firstFew([...new Set(all)].sort());
}
