import { open, rename, rm } from "node:fs/promises";

/** Replaces a file whole or not at all; only its owner may read it. */
export async function writeFileAtomic(path: string, text: string): Promise<void> {
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
