/** Closes a switch over a discriminated union: a member that is not handled fails to compile. */
export function assertNever(value: never, what: string): never {
  throw new Error(`unexpected ${what}: ${JSON.stringify(value)}`);
}
