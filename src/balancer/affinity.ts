// Which target a client went to, kept by the kernel: a map from the client's address to the mark of a target, whose
// entries expire. A change of rules leaves the map alone, and so does the end of the balancer.

/** The map of each family, and what it maps from. */
const maps = { ip: { name: "clients4", type: "ipv4_addr" }, ip6: { name: "clients6", type: "ipv6_addr" } } as const;

/** Clients beyond this number are served, but not remembered. */
const maxClients = 262_144;

type Ip = keyof typeof maps;

interface Target {
  readonly name: string;
  readonly address: string;
}

/** What a table holds so that clients can be remembered; harmless where it is there already. */
export const affinityMaps: readonly string[] = Object.values(maps).map(
  ({ name, type }) => `map ${name} { type ${type} : mark; size ${maxClients}; flags dynamic,timeout; }`,
);

/** Commands that make a table forget all clients. */
export function forgetClients(table: string): readonly string[] {
  return Object.values(maps).map(({ name }) => `flush map ${table} ${name}`);
}

/** The statement that marks a new flow with the target that its client went to, if it is remembered. */
export function recall(ip: Ip): string {
  return `meta mark set ${ip} saddr map @${maps[ip].name}`;
}

/** The expression that leads a marked flow to its target; it fits no flow whose target is none of these. */
export function recalled(targets: readonly Target[]): string {
  return `meta mark map { ${[...byMark(targets)].map(([mark, { address }]) => `${mark} : ${address}`).join(", ")} }`;
}

/**
 * The statements, a rule each, that remember for a new flow, which is on its way to a target and bears the mark of the
 * one that its client went to before, that its client went there.
 */
export function remember(ip: Ip, targets: readonly Target[], timeoutSeconds: number): readonly string[] {
  const marked = [...byMark(targets)].map(([mark, { address }]) => ({ mark, address }));
  const same = marked.map(({ mark, address }) => `${mark} . ${address}`);
  const marks = marked.map(({ mark, address }) => `${address} : ${mark}`);
  const { name } = maps[ip];
  return [
    // An update renews the time and keeps the target of before. What is deleted stays in the kernel's table for a while,
    // and where there are too many of one client it takes no more: only what is another now is deleted.
    `meta mark . ${ip} daddr != { ${same.join(", ")} } delete @${name} { ${ip} saddr : meta mark }`,
    `meta mark set ${ip} daddr map { ${marks.join(", ")} } update @${name} { ${ip} saddr timeout ${timeoutSeconds}s : meta mark }`,
  ];
}

/** Marks follow from names alone. Of two that share one, which is one in four billion, the first takes the clients. */
function byMark(targets: readonly Target[]): ReadonlyMap<string, Target> {
  const found = new Map<string, Target>();
  for (const target of targets) {
    const mark = `0x${fnv1a(target.name).toString(16).padStart(8, "0")}`;
    if (!found.has(mark)) found.set(mark, target);
  }
  return found;
}

/** Never 0, which is the mark of what bears none. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0 || 1;
}
