/** What happens to one request, on top of what the server answers or instead of it. */
export type Fault =
  | { readonly do: "pass" }
  /** Answered by the proxy; the server never hears of it. A text is sent as it is. */
  | {
      readonly do: "answer";
      readonly status: number;
      readonly body: string | object;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Never answered. */
  | { readonly do: "mute" }
  /** The server serves it, but the connection breaks before the answer is through. */
  | { readonly do: "lose" }
  /** A stream, until so many of its lines are through; then half of the next one or a text, and its end. */
  | { readonly do: "break"; readonly after: number; readonly last?: "half" | { text: string }; readonly end: StreamEnd }
  /** A stream whose lines come twice. */
  | { readonly do: "twice" }
  /** A stream that begins where the first one did, instead of where it was asked to. */
  | { readonly do: "replay" }
  /** A stream that comes byte by byte. */
  | { readonly do: "trickle" };

/**
 * In order; of the connection by FIN or RST; or never: bytes are swallowed both ways, as when a route is gone. Only
 * `stay` leaves the stream open and alive.
 */
export type StreamEnd = "end" | "fin" | "reset" | "freeze" | "stay";

/** Of what kind a request is: `look` asks for a single object of a list, `page` for more of one. */
export type RequestKind = "watch" | "list" | "page" | "look" | "other";

/** Faults of each kind of request in the order in which they are met; afterwards everything passes. */
export type Script = Readonly<Partial<Record<RequestKind, readonly Fault[]>>>;

export const pass: Fault = { do: "pass" };

export function status(code: number, reason: string): object {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `${reason}, says the proxy`,
    reason,
    code,
  };
}

/** A refusal, as an API server words it. */
export function refuse(code: number, reason: string, headers: Readonly<Record<string, string>> = {}): Fault {
  return { do: "answer", status: code, body: status(code, reason), headers };
}

export function kindOf(method: string, query: URLSearchParams): RequestKind {
  if (query.get("watch") === "true") return "watch";
  if (method !== "GET" || !query.has("limit")) return "other";
  return query.get("limit") === "1" ? "look" : query.has("continue") ? "page" : "list";
}
