import { copyFile, cp, mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type PackedLayer, packLayer, writeArchive } from "../../images/archive.ts";
import { type Architecture, environment } from "../../images/contents.ts";
import { execOk, systemExec } from "../../src/kernel/index.ts";
import { programPath } from "./programs.ts";

const root = new URL("../../", import.meta.url).pathname;
export const architecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64";

/** How hard to pack what goes no further than to nodes of this machine. */
const quick = 1;

/** Of the images that hold one program. */
export const programTag = "local";

/** The archive that `make images` has made of an image of Berth's. */
export function berthArchive(name: "berth-agent" | "berth-controller"): string {
  return `${root}images/built/${name}-${architecture}.tar`;
}

/** Makes an image of one program, which wants nothing beside itself; the path of its archive. */
export async function imageOf(program: string, directory: string): Promise<string> {
  const tree = join(directory, program);
  await mkdir(tree, { recursive: true });
  await copyFile(programPath(program), join(tree, program));
  const layer = await packLayer(program, tree, join(directory, `${program}.tar.gz`), quick);
  const path = join(directory, `${program}.tar`);
  const description = { name: program, tag: programTag, user: "0:0", entrypoint: [`/${program}`], environment: {} };
  await writeArchive(description, architecture, [layer], path);
  return path;
}

/** What the image `berth.dev/echo` holds of this repository, at the same paths below `/berth`. */
const echoFiles = ["sandbox/echo", "e2e/tools", "e2e/drivers/echo.ts"];

/** Makes the image of the pods that answer and ask, on the layers of the controller's; the path of its archive. */
export async function echoImage(directory: string): Promise<string> {
  const tree = join(directory, "echo");
  for (const file of echoFiles) {
    await mkdir(dirname(join(tree, "berth", file)), { recursive: true });
    await cp(join(root, file), join(tree, "berth", file), { recursive: true });
  }
  const layers = await layersOf(berthArchive("berth-controller"), join(directory, "berth-controller"));
  const path = join(directory, "echo.tar");
  const description = {
    name: "berth.dev/echo",
    tag: "latest",
    user: "0:0",
    entrypoint: ["/usr/bin/node", "/berth/e2e/drivers/echo.ts"],
    environment,
  };
  const own = await packLayer("echo", tree, join(directory, "echo.tar.gz"), quick);
  await writeArchive(description, architecture, [...layers, own], path);
  return path;
}

/** Makes an image of kube-proxy, on the layers of the agent's, which have the programs that it starts; the path of its archive. */
export async function kubeProxyImage(directory: string): Promise<string> {
  const tree = join(directory, "kube-proxy");
  await mkdir(tree, { recursive: true });
  await copyFile(programPath("kube-proxy"), join(tree, "kube-proxy"));
  const layers = await layersOf(berthArchive("berth-agent"), join(directory, "berth-agent"));
  const own = await packLayer("kube-proxy", tree, join(directory, "kube-proxy.tar.gz"), quick);
  const path = join(directory, "kube-proxy.tar");
  const description = { name: "kube-proxy", tag: programTag, user: "0:0", entrypoint: ["/kube-proxy"], environment };
  await writeArchive(description, architecture, [...layers, own], path);
  return path;
}

/** Unpacks the layers of an archive into a directory. */
async function layersOf(archive: string, directory: string): Promise<readonly PackedLayer[]> {
  await mkdir(directory, { recursive: true });
  const signal = AbortSignal.timeout(60_000);
  await execOk(systemExec({ PATH: "/usr/bin:/bin" }), "tar", ["-xf", archive, "-C", directory], { signal });
  const read = async <T>(file: string): Promise<T> => JSON.parse(await readFile(join(directory, file), "utf8")) as T;
  const [manifest] = await read<readonly { Config: string; Layers: readonly string[] }[]>("manifest.json");
  if (manifest === undefined) throw new Error(`${archive} holds no image`);
  const { rootfs } = await read<{ rootfs: { diff_ids: readonly string[] } }>(manifest.Config);
  return await Promise.all(
    manifest.Layers.map(async (layer, index): Promise<PackedLayer> => {
      const path = join(directory, layer);
      const digest = layer.replace("blobs/", "").replace("/", ":");
      const { size } = await stat(path);
      return { name: "berth-controller", path, digest, size, diffId: rootfs.diff_ids[index] ?? "", unpackedSize: 0 };
    }),
  );
}
