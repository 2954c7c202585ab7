import type { ProviderModule } from "../provider/index.ts";

/** Every provider that there is; only those that are asked for are loaded. */
export const providerLoaders: ReadonlyMap<string, () => Promise<{ readonly provider: ProviderModule }>> = new Map([
  ["aws-nlb", () => import("../../providers/aws/index.ts")],
  ["gcp-l4", () => import("../../providers/gcp/index.ts")],
  ["node", () => import("../../providers/node/index.ts")],
  ["proxy", () => import("../../providers/proxy/index.ts")],
]);
