// Root file systems as layers, each a directory: what the programs of the table want, and no more.
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exec } from "../src/kernel/index.ts";
import { layProgram } from "./bundle.ts";
import { type Architecture, type ImageName, images, layers } from "./contents.ts";
import { fetchPackages } from "./debian.ts";
import { layNode } from "./node.ts";
import { Layers } from "./packages.ts";

/** Lays every layer below `target`, each into a directory of its name: those that images share, and each image's own. */
export async function layLayers(
  target: string,
  architecture: Architecture,
  exec: Exec,
  signal: AbortSignal,
): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "berth-images-"));
  try {
    const inScratch = async (name: string): Promise<string> => {
      await mkdir(join(scratch, name));
      return join(scratch, name);
    };
    const names = Object.values(layers).flatMap(({ packages }) => packages.map(({ name }) => name));
    const unpacked = await inScratch("debian");
    await fetchPackages(names, architecture, unpacked, exec, signal);
    await laySkeleton(join(target, "base"));
    await layNode(join(target, "base"), architecture, await inScratch("npm"), exec, signal);
    const laid = new Layers(architecture);
    for (const [name, layer] of Object.entries(layers)) await laid.lay(join(target, name), layer, unpacked);
    for (const name of Object.keys(images) as ImageName[]) await layProgram(join(target, name), images[name]);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const users = { root: 0, nonroot: 65_532, nobody: 65_534 } as const;

/** What programs and container runtimes expect to find anywhere. */
async function laySkeleton(root: string): Promise<void> {
  for (const directory of ["dev", "etc", "proc", "run", "sys", "tmp", "usr/bin", "usr/sbin", "usr/lib64", "var"])
    await mkdir(join(root, directory), { recursive: true });
  await mkdir(join(root, "usr/lib"));
  await chmod(join(root, "tmp"), 0o1777);
  for (const name of ["bin", "sbin", "lib", "lib64"]) await symlink(`usr/${name}`, join(root, name));
  await symlink("/run", join(root, "var/run"));
  await symlink("../usr/lib/os-release", join(root, "etc/os-release"));
  const lines = (rest: (id: number) => string): string =>
    Object.entries(users)
      .map(([name, id]) => `${name}:x:${rest(id)}\n`)
      .join("");
  await writeFile(
    join(root, "etc/passwd"),
    lines((id) => `${id}:${id}::/:/usr/sbin/nologin`),
  );
  await writeFile(
    join(root, "etc/group"),
    lines((id) => `${id}:`),
  );
  await writeFile(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
}
