import { FailureError } from "../src/base/index.ts";

/** The number in an environment variable, `usual` where it is not set. Throws `FailureError` unless it is above 0. */
export function numberFrom(name: string, usual: number): number {
  const text = process.env[name] ?? "";
  const value = text === "" ? usual : Number(text);
  if (!(value > 0)) throw new FailureError(`${name}=${text}: give a number above 0`);
  return value;
}
