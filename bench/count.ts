import { UsageError } from "../src/base/index.ts";

export function parseCount(flag: string, text: string, most: number): number {
  const count = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count <= most)) throw new UsageError(`${flag}: ${JSON.stringify(text)} is no count; give 1 to ${most}`);
  return count;
}
