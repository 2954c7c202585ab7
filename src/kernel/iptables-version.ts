export type Flavour = "nft" | "legacy";

/** Of one installation of the tools: `iptables v1.8.9 (nf_tables)`. */
export interface IptablesVersion {
  /** Major, minor, patch. */
  readonly numbers: readonly [number, number, number];
  readonly flavour: Flavour;
}

/** Reads what `iptables --version` prints; versions before 1.8 name no flavour, they are legacy. */
export function parseIptablesVersion(text: string): IptablesVersion | undefined {
  const match = /\bv(\d+)\.(\d+)(?:\.(\d+))?(?:.*\((nf_tables|legacy)\))?/.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch = "0", flavour] = match;
  return {
    numbers: [Number(major), Number(minor), Number(patch)],
    flavour: flavour === "nf_tables" ? "nft" : "legacy",
  };
}

export function isAtLeast({ numbers }: IptablesVersion, ...wanted: IptablesVersion["numbers"]): boolean {
  const index = numbers.findIndex((number, i) => number !== wanted[i]);
  return index < 0 || (numbers[index] ?? 0) > (wanted[index] ?? 0);
}

export function formatVersion({ numbers, flavour }: IptablesVersion): string {
  return `${numbers.join(".")} (${flavour})`;
}
