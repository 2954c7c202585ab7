/** An answer that is no success. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Throws a refusal. */
export function refuse(status: number, reason: string, message: string): never {
  throw new Refusal(status, reason, message);
}

/** The body of a refusal, in the shape of Google's older APIs: without a `status`. */
export function refusalBody({ status, reason, message }: Refusal): object {
  return { error: { code: status, message, errors: [{ message, domain: "global", reason }] } };
}
