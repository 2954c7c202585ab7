// Picks out of unpacked Debian packages the programs that a layer names, with the libraries that these want.
import { lstatSync } from "node:fs";
import { cp, glob, mkdir, readFile, readlink, symlink } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import type { Architecture, Layer } from "./contents.ts";
import { architectureOf, isElf, neededLibraries } from "./elf.ts";

interface Machine {
  /** Where its libraries are. */
  readonly libraries: string;
  /** What starts its programs. */
  readonly interpreter: string;
}

const machines: Readonly<Record<Architecture, Machine>> = {
  amd64: { libraries: "usr/lib/x86_64-linux-gnu", interpreter: "usr/lib64/ld-linux-x86-64.so.2" },
  arm64: { libraries: "usr/lib/aarch64-linux-gnu", interpreter: "usr/lib/ld-linux-aarch64.so.1" },
};

interface Unpacked {
  readonly name: string;
  readonly root: string;
}

/** A root file system that grows by layers; what is in one of them, none above has again. */
export class Layers {
  readonly #architecture: Architecture;
  readonly #laid: string[] = [];
  #packages: readonly Unpacked[] = [];

  constructor(architecture: Architecture) {
    this.#architecture = architecture;
  }

  /** Lays the packages of a layer, unpacked into the directories of their names, into `target`, which may have files. */
  async lay(target: string, layer: Layer, unpacked: string): Promise<void> {
    const { libraries, interpreter } = machines[this.#architecture];
    this.#laid.push(target);
    this.#packages = layer.packages.map(({ name }) => ({ name, root: join(unpacked, name) }));
    for await (const path of glob("usr/{bin,sbin}/*", { cwd: target })) await this.#takeLibraries(path);
    for (const { name, programs = [], files = [] } of layer.packages) {
      for (const program of programs) await this.#take(programOf(join(unpacked, name), program), name);
      for (const file of files) await this.#take(file, name);
      for (const plugins of layer.plugins ?? [])
        for await (const path of glob(`${libraries}/${plugins}/*`, { cwd: join(unpacked, name) }))
          await this.#take(path, name);
    }
    for (const soname of layer.loaded ?? []) await this.#take(`${libraries}/${soname}`, "the layer");
    await this.#take(interpreter, "every program");
    for (const [path, to] of Object.entries(layer.links ?? {})) await symlink(to, join(target, path));
  }

  /** With what a link leads to, and the libraries that a program wants. */
  async #take(path: string, wantedBy: string): Promise<void> {
    if (this.#laid.some((root) => exists(join(root, path)))) return;
    const owner = this.#packages.find(({ root }) => exists(join(root, path)));
    if (owner === undefined) throw new Error(`${wantedBy} wants ${path}, which no package of its layer has`);
    await this.#copy(owner.root, path);
    await this.#copy(owner.root, `var/lib/dpkg/status.d/${owner.name}`);
    await this.#takeCopyright(owner);
    const target = await targetOf(owner.root, path);
    await (target === undefined ? this.#takeLibraries(path) : this.#take(target, path));
  }

  /** Packages of one source may share theirs, by a link from directory to directory. */
  async #takeCopyright({ name, root }: Unpacked): Promise<void> {
    const documents = `usr/share/doc/${name}`;
    const target = await targetOf(root, documents);
    if (target === undefined) return await this.#copy(root, `${documents}/copyright`);
    await this.#copy(root, documents);
    await this.#take(`${target}/copyright`, name);
  }

  async #copy(root: string, path: string): Promise<void> {
    const place = join(this.#laid.at(-1) ?? "", path);
    if (exists(place)) return;
    await mkdir(dirname(place), { recursive: true });
    await cp(join(root, path), place, { verbatimSymlinks: true });
  }

  async #takeLibraries(path: string): Promise<void> {
    const bytes = await readFile(join(this.#laid.at(-1) ?? "", path));
    if (!isElf(bytes)) return;
    const architecture = architectureOf(bytes);
    if (architecture !== this.#architecture) throw new Error(`${path} is for ${architecture ?? "another machine"}`);
    for (const soname of neededLibraries(bytes))
      await this.#take(`${machines[this.#architecture].libraries}/${soname}`, path);
  }
}

function programOf(root: string, name: string): string {
  const path = ["usr/sbin", "usr/bin"].map((bin) => `${bin}/${name}`).find((place) => exists(join(root, place)));
  if (path === undefined) throw new Error(`no program ${name} in ${root}`);
  return path;
}

/** What a link leads to, from the root; undefined: it is none. */
async function targetOf(root: string, path: string): Promise<string | undefined> {
  if (!lstatSync(join(root, path)).isSymbolicLink()) return undefined;
  const target = await readlink(join(root, path));
  return normalize(target.startsWith("/") ? target.slice(1) : join(dirname(path), target));
}

/** Whether there is something, if only a link that leads nowhere. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
