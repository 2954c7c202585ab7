/**
 * Names and numbers of API objects end up in rules, one line each. The API server validates them, but a rule must not
 * depend on it: what fails here is left out with a reason, never written.
 */

/** Letters, digits, dots, dashes and underscores, as in every name of Kubernetes, up to its 253 characters. */
export function isWritableName(text: unknown): text is string {
  return typeof text === "string" && /^[a-z0-9]([-a-z0-9._]{0,251}[a-z0-9])?$/i.test(text);
}

export function isPortNumber(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535;
}

/** A text that somebody else wrote, in one short line. */
export function quoted(text: unknown): string {
  const all = JSON.stringify(text) ?? "nothing";
  return all.length > 80 ? `${all.slice(0, 76)}..."` : all;
}
