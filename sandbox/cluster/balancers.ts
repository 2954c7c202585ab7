import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Where the controller of a run keeps its load balancers: `<cluster>/<service uid>`. */
export function balancerDir(runDir: string): string {
  return join(runDir, "balancers");
}

/** The namespaces of the load balancers that a run's controller has made. */
export async function balancerNamespaces(runDir: string): Promise<string[]> {
  const entries = await readdir(balancerDir(runDir), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `berth-lb-${name}`);
}
