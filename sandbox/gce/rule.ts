// What a rule of the API is.
import { Refusal } from "./refusal.ts";
import type { Body, World } from "./world.ts";

/** A change that is asked for. */
export interface Change {
  readonly method: string;
  readonly path: string;
  /** Undefined when it is to be made. */
  readonly before: Body | undefined;
  /** As it would be; that of a delete is what there is. */
  readonly body: Body;
  /** What the request itself says. */
  readonly asked: Body;
  readonly world: World;
}

export interface Rule {
  readonly id: string;
  /** Where it is said, or who relies on it. */
  readonly source: string;
  readonly enforce: (change: Change) => Refusal | undefined;
}

export function when(isWrong: boolean, status: number, reason: string, message: string): Refusal | undefined {
  return isWrong ? new Refusal(status, reason, message) : undefined;
}

/** The machines that a request names, by links or names. */
export function instancesOf(asked: Body): readonly string[] {
  const named = (asked["networkEndpoints"] ?? asked["instances"] ?? []) as readonly Body[];
  return named.map(({ instance }) => String(instance).split("/").at(-1) ?? "");
}

export function zoneOf(path: string): string {
  return /zones\/([^/]+)/.exec(path)?.[1] ?? "";
}
