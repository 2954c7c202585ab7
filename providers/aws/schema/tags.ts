import { keys } from "./keys.ts";
import { type Pairs, pairs } from "./kinds.ts";
import type { Reader } from "./reader.ts";

/** AWS has 50 for one object; ours need some of them. */
const maxTags = 40;
/** Those of AWS, of other controllers and our own. */
const reserved = /^(aws:|kubernetes\.io\/|berth\.dev\/|[^/]*\.?k8s\.aws\/)/i;
const allowedText = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** What users add to the tags of everything that is made for a Service. */
export function readTags(reader: Reader): Pairs {
  const found = reader.read(keys.tags, pairs) ?? {};
  for (const [name, value] of Object.entries(found)) {
    const wrong = wrongWith(name, value);
    if (wrong !== undefined) reader.refuse(keys.tags, `${JSON.stringify(name)}: ${wrong}`);
  }
  if (Object.keys(found).length > maxTags) reader.refuse(keys.tags, `give at most ${maxTags}`);
  // Their names are kept in a tag of ours.
  if (Object.keys(found).join("=").length > 256)
    reader.refuse(keys.tags, "give names of at most 256 characters together");
  return found;
}

function wrongWith(name: string, value: string): string | undefined {
  if (reserved.test(name)) return "aws:, kubernetes.io/, k8s.aws/ and berth.dev/ are not for users; take another name";
  if (name.length > 128 || value.length > 256) return "a name has at most 128 characters and a value 256; shorten it";
  return allowedText.test(name + value) ? undefined : "give letters, digits, spaces and _ . : / = + - @ only";
}
