// Who may import whom, as the design's layout table says. The linter's configuration is made from this table, and
// `import-rules.test.ts` holds both to it and walks the imports of every process from its entry.

/** A folder and the folders (of ours) that its files may import beside itself. */
export interface Layer {
  readonly folder: string;
  readonly may: readonly string[];
}

const all = ["src", "providers", "sandbox", "e2e", "bench", "hack"];

export const layers: readonly Layer[] = [
  { folder: "src/base", may: [] },
  { folder: "src/net", may: ["src/base"] },
  { folder: "src/telemetry", may: ["src/base"] },
  { folder: "src/api", may: ["src/base", "src/net"] },
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
  { folder: "sandbox", may: all },
  { folder: "e2e", may: all },
  { folder: "bench", may: all },
  { folder: "hack", may: all },
];

/** Files that decide and do no I/O: they may not even import these parts of Node. */
export const pureFolders: readonly string[] = ["src/model", "src/api", "src/ipam", "src/agent/plan"];
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

/** What each process must never load, whatever imports it. */
export const forbiddenInProcess: Readonly<Record<string, readonly string[]>> = {
  agent: [
    "src/controller",
    "src/provider",
    "src/ipam",
    "src/balancer",
    "providers",
    "sandbox",
    "@aws-sdk",
    "@google-cloud",
  ],
  balancer: [
    "src/controller",
    "src/provider",
    "src/agent",
    "src/kube",
    "providers",
    "sandbox",
    "@kubernetes/client-node",
  ],
  controller: ["src/agent", "sandbox", "@aws-sdk", "@google-cloud"],
};
