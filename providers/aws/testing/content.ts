import type { World } from "./world.ts";

/**
 * What a world holds, without the numbers that tell in which order it was made, and without what stays for the next load
 * balancer: equal contents mean equal worlds.
 */
export function contentOf(world: World): unknown {
  const names = new Map<string, string>(
    [...world.loadBalancers, ...world.targetGroups].map(({ arn, name }) => [arn, name]),
  );
  for (const { id, name } of world.groups) names.set(id, name);
  const named = (id: string): string => names.get(id) ?? id;
  return {
    loadBalancers: byText(
      world.loadBalancers.map(({ arn: _arn, ...one }) => ({
        ...one,
        subnets: one.subnets.toSorted(),
        groups: one.groups.map(named).sort(),
        listeners: byText(
          one.listeners.map(({ arn: _arn, ...listener }) => ({
            ...listener,
            targetGroups: listener.targetGroups.map(({ targetGroup }) => named(targetGroup)),
          })),
        ),
      })),
    ),
    targetGroups: byText(world.targetGroups.map(({ arn: _arn, ...one }) => ({ ...one, targets: byText(one.targets) }))),
    groups: byText(
      world.groups
        .filter(({ name }) => !name.startsWith("berth-nodes-") && name !== "nodes")
        .map(({ id: _id, ...one }) => ({ ...one, rules: byText(one.rules.map(({ id: _id, ...rule }) => rule)) })),
    ),
  };
}

/** In an order of their own. */
function byText<T>(items: readonly T[]): readonly T[] {
  const textOf = (item: T): string =>
    JSON.stringify(item, (_, value: unknown) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
    );
  return items.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
}
