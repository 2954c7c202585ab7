import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { packLayer, writeArchive } from "../../images/archive.ts";
import type { Architecture } from "../../images/contents.ts";
import { programPath } from "./programs.ts";

export const architecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64";

/** Of the images that hold one program. */
export const programTag = "local";

/** Makes an image of one program, which wants nothing beside itself; the path of its archive. */
export async function imageOf(program: string, directory: string): Promise<string> {
  const root = join(directory, program);
  await mkdir(root, { recursive: true });
  await copyFile(programPath(program), join(root, program));
  const layer = await packLayer(program, root, join(directory, `${program}.tar.gz`));
  const path = join(directory, `${program}.tar`);
  const description = { name: program, tag: programTag, user: "0:0", entrypoint: [`/${program}`], environment: {} };
  await writeArchive(description, architecture, [layer], path);
  return path;
}
