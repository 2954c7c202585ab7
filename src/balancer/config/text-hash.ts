import { createHash } from "node:crypto";

/** Names a text by its content: short enough for a file or a comment, long enough never to collide by chance. */
export function textHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
