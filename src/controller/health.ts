import type { HealthWatcher, Identified, ProviderAdapter, Recalling } from "../provider/index.ts";

/** Whether the adapter tells by itself when the health of targets changed. */
export function isHealthWatcher(adapter: ProviderAdapter): adapter is ProviderAdapter & HealthWatcher {
  return "watchHealth" in adapter && typeof adapter.watchHealth === "function";
}

/** Whether the adapter can tell as whom it acts. */
export function isIdentified(adapter: ProviderAdapter): adapter is ProviderAdapter & Identified {
  return "identity" in adapter && typeof adapter.identity === "function";
}

/** Whether the adapter still knows what it saw a moment ago. */
export function isRecalling(adapter: ProviderAdapter): adapter is ProviderAdapter & Recalling {
  return "recall" in adapter && typeof adapter.recall === "function";
}
