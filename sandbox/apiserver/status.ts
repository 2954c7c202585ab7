import type { FieldError } from "./field-error.ts";
import type { JsonMap } from "./object.ts";

/** What a Status names: `services` in messages, `Service` for validation errors. */
export interface Named {
  readonly group: string;
  readonly kind: string;
}

/** An answer that is no success: becomes the `Status` object that every client of Kubernetes understands. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: number;
  readonly reason: string;
  readonly details: JsonMap | undefined;
  /** Extra list metadata: the continue token of an expired list. */
  readonly listMeta: JsonMap;

  constructor(code: number, reason: string, message: string, details?: JsonMap, listMeta: JsonMap = {}) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.listMeta = listMeta;
  }

  toStatus(): JsonMap {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: this.listMeta,
      status: "Failure",
      message: this.message,
      ...(this.reason === "" ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

/** For what is wrong with a request rather than with an object. */
export const noKind: Named = { group: "", kind: "" };

function qualified({ group, kind }: Named): string {
  return group === "" ? kind : `${kind}.${group}`;
}

function detailsOf({ group, kind }: Named, name: string, more: JsonMap = {}): JsonMap {
  return {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    ...(kind === "" ? {} : { kind }),
    ...more,
  };
}

export function notFound(resource: Named, name: string): StatusError {
  return new StatusError(404, "NotFound", `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));
}

export function alreadyExists(resource: Named, name: string, prefix = ""): StatusError {
  const message = `${prefix}${qualified(resource)} "${name}" already exists`;
  return new StatusError(409, "AlreadyExists", message, detailsOf(resource, name));
}

export function conflict(resource: Named, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`;
  return new StatusError(409, "Conflict", message, detailsOf(resource, name));
}

/** The precondition of an update does not hold. */
export function modified(resource: Named, name: string): StatusError {
  const why = "the object has been modified; please apply your changes to the latest version and try again";
  return conflict(resource, name, why);
}

export function forbidden(resource: Named, name: string, why: string, causes: readonly JsonMap[] = []): StatusError {
  const what = qualified(resource);
  const whose = what === "" ? "" : name === "" ? `${what} is ` : `${what} "${name}" is `;
  const message = `${whose}forbidden: ${why}`;
  return new StatusError(
    403,
    "Forbidden",
    message,
    detailsOf(resource, name, causes.length === 0 ? {} : { causes: [...causes] }),
  );
}

export function invalidObject(kind: Named, name: string, errors: readonly FieldError[]): StatusError {
  const texts = [...new Set(errors.map(({ field, body }) => `${field}: ${body}`))];
  const all = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const causes = errors.map(({ field, reason, body }) => ({ reason, message: body, field }));
  const message = `${qualified(kind)} ${JSON.stringify(name)} is invalid: ${all}`;
  return new StatusError(422, "Invalid", message, detailsOf(kind, name, { causes }));
}

/** The query, or the options in the body, of a request are wrong. */
export function invalidOptions(kind: string, errors: readonly FieldError[]): StatusError {
  return invalidObject({ group: "meta.k8s.io", kind }, "", errors);
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}

export function internalError(message: string): StatusError {
  return new StatusError(500, "InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] });
}

/** What the real server did not foresee: it has no reason for it. */
export function unknownError(message: string): StatusError {
  return new StatusError(500, "", message);
}

export function expired(message: string, listMeta: JsonMap = {}): StatusError {
  return new StatusError(410, "Expired", message, undefined, listMeta);
}

export function methodNotAllowed(): StatusError {
  return new StatusError(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    {},
  );
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`;
  return new StatusError(415, "UnsupportedMediaType", message);
}

export function unsupportedPatchType(): StatusError {
  return new StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {});
}

export function notAcceptable(representations: readonly string[]): StatusError {
  const message = `406: Not Acceptable\n\nAvailable representations: ${representations.join(", ")}`;
  return new StatusError(406, "NotAcceptable", message, {});
}

/** The path names nothing that is served. */
export function noSuchResource(): StatusError {
  return new StatusError(404, "NotFound", "the server could not find the requested resource", {});
}

/** A resourceVersion that is no number, or one where none may be; kube-apiserver gives no reason. */
export function wrongVersion(message: string): StatusError {
  return new StatusError(500, "", message);
}

export function unauthorized(): StatusError {
  return new StatusError(401, "Unauthorized", "Unauthorized");
}
