import { open, rename, rm } from "node:fs/promises";
import { errorMessage, FailureError } from "../../src/base/index.ts";

/** Replaces a file whole or not at all; only its owner may read it. Throws FailureError naming the flag that it is of. */
export async function writeFileAtomic(flag: string, path: string, text: string): Promise<void> {
  try {
    await replaceFile(path, text);
  } catch (error) {
    const { code = errorMessage(error) } = error as NodeJS.ErrnoException;
    throw new FailureError(`${flag}: cannot write ${path}: ${code}; give a path in a directory that may be written`, {
      cause: code,
    });
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const part = `${path}.part`;
  const file = await open(part, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(part, path);
}
