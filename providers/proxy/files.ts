import { readdir, readFile, rename, writeFile } from "node:fs/promises";

/** Undefined when there is no such file. */
export function readText(path: string): Promise<string | undefined> {
  return unlessMissing(readFile(path, "utf8"), undefined);
}

/** Puts the whole text in place at once, unless `check` throws right before. */
export async function replaceText(path: string, text: string, check: () => void): Promise<void> {
  await writeFile(`${path}.new`, text);
  check();
  await rename(`${path}.new`, path);
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
