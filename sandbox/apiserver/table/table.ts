import type { KubeObject } from "../object.ts";

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority: number;
  readonly description: string;
}

export interface TableColumns {
  readonly columns: readonly Column[];
  /** One value per column; `now` is for ages. */
  cells(object: KubeObject, now: number): readonly (string | number | boolean | null)[];
}

/** A column; names in lower case, as people know them, describe themselves. */
export function column(name: string, more: Partial<Column> = {}): Column {
  const isName = name === "Name";
  return { name, type: "string", priority: 0, description: "", ...(isName ? { format: "name" } : {}), ...more };
}

export function wide(name: string, more: Partial<Column> = {}): Column {
  return column(name, { priority: 1, ...more });
}

export const ageColumn: Column = column("Age");

export function ageOf({ metadata }: KubeObject, now: number): string {
  return since(metadata.creationTimestamp, now);
}

/** The time that passed since a time stamp, as kubectl prints it. */
export function since(stamp: unknown, now: number): string {
  return typeof stamp === "string" ? humanDuration(now - Date.parse(stamp)) : "<unknown>";
}

/** k8s.io/apimachinery/pkg/util/duration.HumanDuration. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (days < 8) return two(days, "d", hours % 24, "h");
  if (days < 730) return `${days}d`;
  const years = Math.trunc(days / 365);
  return years < 8 ? two(years, "y", days % 365, "d") : `${years}y`;
}

function two(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
}

/** `a=b,c=d`, sorted; `<none>` without any. */
export function labelText(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? "<none>" : pairs.toSorted().join(",");
}

export function firstThree(items: readonly string[]): string {
  if (items.length === 0) return "<unset>";
  const shown = items.slice(0, 3).join(",");
  return items.length > 3 ? `${shown} + ${items.length - 3} more...` : shown;
}
