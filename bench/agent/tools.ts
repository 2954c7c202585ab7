import { chmod, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What the kernel side of iptables is. */
export const backends = ["nft", "legacy"] as const;
export type Backend = (typeof backends)[number];

const names = ["iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"];

/** A directory to put first into PATH, in which the iptables programs are those of one backend. */
export class Tools {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  async use(backend: Backend): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
    await mkdir(this.directory);
    for (const name of names) await symlink(program(backend), join(this.directory, name));
  }

  /** From now on what goes into `iptables-restore` is counted. */
  async count(backend: Backend): Promise<void> {
    for (const name of names.filter((each) => each.endsWith("-restore"))) {
      const wrapper = join(this.directory, name);
      await rm(wrapper);
      const lines = ["#!/bin/bash", "set -o pipefail", `tee -a ${this.#inputs} | ${program(backend)} ${name} "$@"`];
      await writeFile(wrapper, `${lines.join("\n")}\n`);
      await chmod(wrapper, 0o755);
    }
    await writeFile(this.#inputs, "");
  }

  /** How many bytes have been counted. */
  async counted(): Promise<number> {
    return (await readFile(this.#inputs)).length;
  }

  get #inputs(): string {
    return join(this.directory, "inputs");
  }
}

function program(backend: Backend): string {
  return `/usr/sbin/xtables-${backend}-multi`;
}
