/** A wall-clock time as the API server's Time wants it: whole seconds. */
export function wireTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** A wall-clock time as the API server's MicroTime wants it: exactly six digits of a second. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
