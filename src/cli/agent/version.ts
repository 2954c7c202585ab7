import manifest from "../../../package.json" with { type: "json" };

/** The kube-proxy whose flags, file and rules these are. */
export const peerVersion = "v1.37";

/** One line whose second word is the version, as kube-proxy's `Kubernetes v1.37.2`. */
export function versionText(word: string): string {
  const version = `v${manifest.version}`;
  return word === "raw"
    ? `${JSON.stringify({ berth: version, "kube-proxy": peerVersion, node: process.version })}\n`
    : `Berth ${version} (in place of kube-proxy ${peerVersion})\n`;
}
