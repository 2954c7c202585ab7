import { open, rename, rm } from "node:fs/promises";
import { errorMessage, FailureError } from "../../src/base/index.ts";

/** Replaces a file whole or not at all; only its owner may read it. */
export async function writeFileAtomic(path: string, text: string): Promise<void> {
  try {
    await replaceFile(path, text);
  } catch (error) {
    throw new FailureError(`cannot write ${path}: ${errorMessage(error)}`, { cause: error });
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
