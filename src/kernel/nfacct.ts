import { type Exec, execOk, ProgramFailedError } from "./exec.ts";

const timeoutMs = 10_000;

/** Counters of the kernel that rules count packets into by `-m nfacct`; they outlive rules and are of no address family. */
export class Nfacct {
  readonly #exec: Exec;

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  /** Makes the counters that are not there; those that are keep their value. Rejects when there is no such thing here. */
  async ensure(names: readonly string[], signal: AbortSignal): Promise<void> {
    const present = await this.packets(signal);
    for (const name of names) {
      if (present.has(name)) continue;
      const result = await this.#exec.run("nfacct", ["add", name], { signal, timeoutMs });
      // Somebody else may have made it meanwhile: EBUSY is how the kernel says that it exists.
      if (result.code !== 0 && !/busy|exists/i.test(result.stderr))
        throw new ProgramFailedError("nfacct", ["add", name], result);
    }
  }

  /** How many packets each counter has seen. */
  async packets(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    return parseNfacct(await execOk(this.#exec, "nfacct", ["list"], { signal, timeoutMs }));
  }
}

/** Reads what `nfacct list` prints: `{ pkts = 00000000000000000012, bytes = 00000000000000000720 } = name;` a line. */
export function parseNfacct(text: string): ReadonlyMap<string, number> {
  return new Map(
    [...text.matchAll(/^\{ pkts = (\d+), bytes = \d+[^}]*\} = (\S+);$/gm)].map(([, packets, name = ""]) => [
      name,
      Number(packets),
    ]),
  );
}
