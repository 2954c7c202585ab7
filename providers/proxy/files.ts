import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Undefined when there is no such file. */
export function readText(path: string): Promise<string | undefined> {
  return unlessMissing(readFile(path, "utf8"), undefined);
}

/** Puts the whole text in place at once, unless `check` throws right before. */
export async function replaceText(path: string, text: string, check: () => void): Promise<void> {
  await writeFile(draftOf(path), text);
  check();
  await rename(draftOf(path), path);
}

/** What a text is written to before it is put in place. */
export function draftOf(path: string): string {
  return `${path}.new`;
}

/** Removes the directory with all in it; the file `last` goes after everything else. */
export async function removeDirectory(directory: string, last: string): Promise<void> {
  const others = (await namesIn(directory)).filter((name) => name !== last);
  for (const name of others) await rm(join(directory, name), { recursive: true, force: true });
  await rm(directory, { recursive: true, force: true });
}

/** Whether there is such a directory, and no file in it but perhaps this one. */
export function holdsAtMost(directory: string, name: string): Promise<boolean> {
  const held = readdir(directory).then((names) => names.every((one) => one === name));
  return unlessMissing(held, false);
}

/** Names in the directory, sorted; none when there is no such directory. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  return (await unlessMissing(readdir(directory), [])).sort();
}

async function unlessMissing<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return otherwise;
    throw error;
  }
}
