// Stands in front of the programs by which provider `proxy` changes the machine: the witness of each call, which may
// kill the one that made it.
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface ProgramCall {
  /** In ms since boot, as the kernel tells it (in steps of 10 ms): when the process of the call was made. */
  readonly startedAt: number;
  /** The pid of who made it, unless that had ended before the program ran. */
  readonly parent: number;
  readonly command: string;
}

const tickMs = 10;
const programs = ["ip", "nsenter"];
const never = "never";

/** Counts the calls that change something; each is a step, and so is what `step` tells of. */
export class ProviderPrograms {
  /** For PATH. */
  readonly path: string;
  readonly #calls: string;
  readonly #steps: string;
  readonly #limit: string;
  readonly #strike: string;

  constructor(directory: string) {
    this.path = join(directory, "bin");
    this.#calls = join(directory, "calls");
    this.#steps = join(directory, "steps");
    this.#limit = join(directory, "limit");
    this.#strike = join(directory, "strike");
    mkdirSync(this.path, { recursive: true });
    writeFileSync(this.#calls, "");
    this.disarm();
    for (const program of programs) {
      writeFileSync(join(this.path, program), this.#wrapper(program));
      chmodSync(join(this.path, program), 0o755);
    }
  }

  /** Counts anew. Who takes step number `steps` is killed by it; nobody is killed after that. */
  arm(steps: number): void {
    this.disarm();
    writeFileSync(this.#limit, `${steps}\n`);
  }

  disarm(): void {
    writeFileSync(this.#limit, `${never}\n`);
    writeFileSync(this.#steps, "");
    rmSync(this.#strike, { recursive: true, force: true });
  }

  /** Whether somebody was killed since it was armed. */
  get struck(): boolean {
    return existsSync(this.#strike);
  }

  /** Counts a step that no program took; true when its maker is to be killed now. */
  step(): boolean {
    const limit = readFileSync(this.#limit, "utf8").trim();
    if (limit === never) return false;
    appendFileSync(this.#steps, "step\n");
    if (readFileSync(this.#steps, "utf8").split("\n").length <= Number(limit)) return false;
    // Only one can make the directory.
    return mkdirSync(this.#strike, { recursive: true }) !== undefined;
  }

  /** All so far, in order. */
  calls(): readonly ProgramCall[] {
    return readFileSync(this.#calls, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => {
        const [, stat = "", command = ""] = /^(.*?)\t(.*)$/.exec(line) ?? [];
        // The name before it, in parentheses, may hold anything.
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return { startedAt: Number(fields[19]) * tickMs, parent: Number(fields[1]), command };
      });
  }

  /** Its own process began when the call was made, however late it gets to run. A balancer never ends: it counts first. */
  #wrapper(program: string): string {
    return `#!/bin/sh
PATH=\${PATH#${this.path}:}
case " $* " in *" -j"* | *ersion*) exec ${program} "$@" ;; esac
read -r stat < /proc/self/stat
printf '%s\\t%s\\n' "$stat" "${program} $*" >> "${this.#calls}"
step() {
  read -r limit < "${this.#limit}"
  [ "$limit" != ${never} ] || return 0
  echo step >> "${this.#steps}"
  [ "$(wc -l < "${this.#steps}")" -lt "$limit" ] || ! mkdir "${this.#strike}" 2> /dev/null || kill -KILL $PPID
}
case " $* " in *" balancer "*) step; exec ${program} "$@" ;; esac
${program} "$@"
code=$?
step
exit $code
`;
  }
}
