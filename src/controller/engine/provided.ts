import type { ProviderAdapter } from "../../provider/index.ts";

/** The adapter of that name. Classes name none that does not run here. */
export function provided(providers: ReadonlyMap<string, ProviderAdapter>, name: string): ProviderAdapter {
  const adapter = providers.get(name);
  if (adapter === undefined) throw new Error(`no provider ${name} runs here`);
  return adapter;
}
