import { readFile, writeFile } from "node:fs/promises";
import { dump } from "js-yaml";
import { parse } from "yaml";

/** The same access, to the same server under another address; readable by its owner alone. */
export async function copyKubeconfig(from: string, to: string, server: string): Promise<void> {
  const config = parse(await readFile(from, "utf8")) as { clusters: { cluster: { server: string } }[] };
  for (const { cluster } of config.clusters) cluster.server = server;
  await writeFile(to, dump(config), { mode: 0o600 });
}
