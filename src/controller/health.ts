import type { HealthWatcher, ProviderAdapter } from "../provider/index.ts";

/** Whether the adapter tells by itself when the health of targets changed. */
export function isHealthWatcher(adapter: ProviderAdapter): adapter is ProviderAdapter & HealthWatcher {
  return "watchHealth" in adapter && typeof adapter.watchHealth === "function";
}
