// Who may import whom, as the design's layout table says. The linter's configuration is made from this table, and
// `import-rules.test.ts` holds both to it and walks the imports of every process from its entry.

/** A folder and the folders (of ours) that its files may import beside itself. */
export interface Layer {
  readonly folder: string;
  readonly may: readonly string[];
}

const all = ["src", "providers", "sandbox", "e2e", "bench", "hack", "images"];

export const layers: readonly Layer[] = [
  { folder: "src/base", may: [] },
  { folder: "src/net", may: ["src/base"] },
  { folder: "src/telemetry", may: ["src/base"] },
  { folder: "src/api", may: ["src/base", "src/net"] },
  // Loads zod, so no other layer that may import src/api gets it without naming it.
  { folder: "src/api/schemas", may: ["src/base", "src/net", "src/api"] },
  { folder: "src/kube", may: ["src/base", "src/telemetry", "src/api"] },
  { folder: "src/kernel", may: ["src/base", "src/net"] },
  { folder: "src/ipam", may: ["src/base", "src/net", "src/api"] },
  { folder: "src/model", may: ["src/base", "src/net", "src/api"] },
  { folder: "src/provider", may: ["src/base", "src/net", "src/api", "src/model", "src/telemetry"] },
  {
    folder: "src/controller",
    may: [
      "src/base",
      "src/net",
      "src/telemetry",
      "src/api",
      "src/api/schemas",
      "src/kube",
      "src/kernel",
      "src/ipam",
      "src/model",
      "src/provider",
    ],
  },
  {
    folder: "src/agent",
    may: ["src/base", "src/net", "src/telemetry", "src/api", "src/kube", "src/model", "src/kernel"],
  },
  { folder: "src/trace", may: ["src/base", "src/net", "src/kernel", "src/agent/plan"] },
  { folder: "src/explain", may: ["src/base", "src/net", "src/api", "src/model"] },
  { folder: "src/balancer", may: ["src/base", "src/net", "src/telemetry", "src/kernel"] },
  { folder: "src/cli", may: all },
  {
    folder: "providers/proxy",
    may: [
      "src/provider",
      "src/base",
      "src/net",
      "src/api",
      "src/model",
      "src/telemetry",
      "src/kernel",
      "src/balancer/config",
    ],
  },
  {
    folder: "providers/node",
    may: ["src/provider", "src/base", "src/net", "src/api", "src/model", "src/telemetry"],
  },
  {
    folder: "providers/aws",
    may: ["src/provider", "src/base", "src/net", "src/api", "src/model", "src/telemetry"],
  },
  {
    folder: "providers/gcp",
    may: ["src/provider", "src/base", "src/net", "src/api", "src/model", "src/telemetry"],
  },
  { folder: "sandbox", may: all },
  { folder: "e2e", may: all },
  { folder: "bench", may: all },
  { folder: "hack", may: all },
  { folder: "images", may: all },
];

/** Folders and files that decide and do no I/O: they may not even import these parts of Node. */
export const pure: readonly string[] = [
  "src/model",
  "src/api",
  "src/ipam",
  "src/agent/plan",
  "src/trace",
  "src/explain",
  "src/balancer/config.ts",
  "providers/aws/plan",
  "providers/aws/schema",
  "providers/node/plan.ts",
  "providers/proxy/plan.ts",
  "providers/gcp/plan",
];
export const impureModules: readonly string[] = [
  "node:child_process",
  "node:fs",
  "node:fs/promises",
  "node:http",
  "node:http2",
  "node:dgram",
  "node:timers",
  "node:timers/promises",
  "undici",
];

/** What the processes must never load, whatever imports it: paths of ours, or package name prefixes. */
export const forbiddenInProcess: Readonly<Record<string, readonly string[]>> = {
  "src/cli/agent.ts": [
    "src/api/schemas",
    "src/controller",
    "src/provider",
    "src/ipam",
    "src/balancer",
    "providers",
    "sandbox",
    "zod",
  ],
  "src/cli/balancer.ts": ["src/controller", "src/provider", "src/agent", "src/kube", "providers", "sandbox", "undici"],
  "src/cli/controller.ts": ["src/agent", "sandbox"],
  "src/cli/explain.ts": [
    "src/api/schemas",
    "src/controller",
    "src/agent",
    "src/kernel",
    "src/provider",
    "src/ipam",
    "src/balancer",
    "providers",
    "sandbox",
    "zod",
  ],
  "src/cli/main.ts": ["src/kube", "src/agent", "src/controller", "providers", "sandbox"],
  "src/cli/trace.ts": [
    "src/api/schemas",
    "src/kube",
    "src/agent",
    "src/controller",
    "src/model",
    "providers",
    "sandbox",
    "undici",
    "zod",
  ],
};

/** Packages that only a lazy `import()` may load. */
export const lazyPackages: readonly string[] = ["@aws-sdk/", "@google-cloud/", "google-gax", "@kubernetes/client-node"];

/**
 * The layer that a file belongs to, the innermost one (which the table names last); undefined for what is in no layer
 * (configuration at the root).
 */
export function layerOf(path: string): Layer | undefined {
  return layers.findLast(({ folder }) => path.startsWith(`${folder}/`));
}

/** Whether `from` may import `to` (both paths from the root of the tree). */
export function mayImport(from: string, to: string): boolean {
  const layer = layerOf(from);
  const target = layerOf(to);
  if (layer === undefined || target === undefined || layer === target) return true;
  // A layer within another has to be named itself.
  const named = layer.may.filter((allowed) => [target, undefined].includes(layerOf(`${allowed}/`)));
  return named.some((allowed) => to === `${allowed}.ts` || to.startsWith(`${allowed}/`));
}

/** Whether the import goes through the front door of a folder of `src`, as everybody outside it has to. */
export function throughIndex(from: string, to: string): boolean {
  const target = layerOf(to);
  if (target === undefined || layerOf(from) === target || !target.folder.startsWith("src/")) return true;
  return (
    to === `${target.folder}/index.ts` ||
    layerOf(from)?.may.some((allowed) => to === `${allowed}.ts` || to === `${allowed}/index.ts`) === true
  );
}
