// `node images/main.ts archives DIRECTORY ARCHITECTURE...` writes each image into an archive, as `make images` does;
// `node images/main.ts layers DIRECTORY ARCHITECTURE` lays the layers that images/Dockerfile copies.
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { asCommand } from "../bench/command.ts";
import { UsageError } from "../src/base/index.ts";
import { systemExec } from "../src/kernel/index.ts";
import { type PackedLayer, packLayer, writeArchive } from "./archive.ts";
import { type Architecture, architectures, entrypoint, environment, images, version } from "./contents.ts";
import { layLayers } from "./root.ts";

async function run([what, directory, ...wanted]: readonly string[], signal: AbortSignal): Promise<void> {
  if (directory === undefined || wanted.length === 0) throw new UsageError("give a directory and architectures");
  const chosen = wanted.map(architectureOf);
  await mkdir(directory, { recursive: true });
  if (what === "archives") for (const architecture of chosen) await writeArchives(directory, architecture, signal);
  else if (what === "layers" && chosen[0] !== undefined && chosen.length === 1)
    await layLayers(directory, chosen[0], systemExec(process.env), signal);
  else throw new UsageError(`${what}: give archives, or layers and one architecture`);
}

function architectureOf(name: string): Architecture {
  const found = architectures.find((one) => one === name);
  if (found === undefined)
    throw new UsageError(`${name}: no such architecture; give one of ${architectures.join(", ")}`);
  return found;
}

async function writeArchives(directory: string, architecture: Architecture, signal: AbortSignal): Promise<void> {
  // Beside what is made of it, as there is room for the one where there is for the other.
  const scratch = await mkdtemp(join(directory, ".layers-"));
  try {
    await layLayers(scratch, architecture, systemExec(process.env), signal);
    const packed = new Map<string, Promise<PackedLayer>>();
    for (const [name, image] of Object.entries(images)) {
      const layers: PackedLayer[] = [];
      for (const layer of [...image.layers, name]) {
        const packing = packed.get(layer) ?? packLayer(layer, join(scratch, layer), join(scratch, `${layer}.tar.gz`));
        packed.set(layer, packing);
        layers.push(await packing);
      }
      const path = join(directory, `${name}-${architecture}.tar`);
      const description = { name, tag: version, user: image.user, entrypoint, environment };
      const digest = await writeArchive(description, architecture, layers, path);
      const unpacked = layers.reduce((sum, { unpackedSize }) => sum + unpackedSize, 0);
      const mib = [(await stat(path)).size, unpacked].map((size) => `${(size / 2 ** 20).toFixed(1)} MiB`);
      process.stdout.write(`${path}: ${name}:${version}@${digest}, ${mib.join(", unpacked ")}\n`);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

await asCommand("images", run);
