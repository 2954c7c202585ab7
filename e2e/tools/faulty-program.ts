// Stands in front of iptables-restore on PATH and lets it fail on command, as a kernel, an admin or the OOM killer would.
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * `kill`: the first table is written, then the tool dies. `line`, `commit`: it refuses the first rule that holds `text`,
 * or the table that it is in. `hold`: it waits before it begins, until the fault is another.
 */
export type Fault =
  | { readonly kind: "kill" | "hold" }
  | { readonly kind: "line" | "commit"; readonly text: string }
  | { readonly kind: "none" };

export class FaultyRestore {
  /** For PATH. */
  readonly directory: string;
  readonly #fault: string;
  readonly #held: string;

  constructor(directory: string) {
    this.directory = join(directory, "faulty");
    this.#fault = join(this.directory, "fault");
    this.#held = join(this.directory, "held");
    mkdirSync(this.directory);
    this.set({ kind: "none" });
    for (const family of ["iptables", "ip6tables"])
      for (const flavour of ["", "-nft", "-legacy"]) {
        const wrapper = join(this.directory, `${family}${flavour}-restore`);
        writeFileSync(wrapper, this.#script(`${family}${flavour}-restore`));
        chmodSync(wrapper, 0o755);
      }
  }

  set(fault: Fault): void {
    rmSync(this.#held, { force: true });
    writeFileSync(this.#fault, `${fault.kind} ${"text" in fault ? fault.text : ""}\n`);
  }

  /** Whether a restore waits. */
  get isHeld(): boolean {
    return existsSync(this.#held);
  }

  /** What an agent finds out at its start is left alone, but for what is refused. */
  #script(program: string): string {
    return `#!/bin/sh
PATH=\${PATH#${this.directory}:}
input=$(cat)
give() { printf '%s\\n' "$input"; }
read -r kind text < "${this.#fault}"
trial() { give | grep -q BERTH-TRIAL; }
case "$kind" in
  kill)
    trial || { give | sed /^COMMIT/q | ${program} "$@"; kill -9 $$; } ;;
  hold)
    trial || { touch "${this.#held}"; while grep -q hold "${this.#fault}"; do sleep 0.02; done; } ;;
  line | commit)
    number=$(give | grep -nF -- "$text" | head -n 1 | cut -d: -f1)
    if [ -n "$number" ]; then
      [ $kind = line ] || number=$(give | awk -v from="$number" 'NR > from && /^COMMIT/ { print NR; exit }')
      echo "${program}: line $number failed" >&2
      exit 1
    fi ;;
esac
give | exec ${program} "$@"
`;
  }
}
