import { Agent } from "undici";
import type { TlsCredentials } from "./connection.ts";

export type AgentOptions = Omit<Agent.Options, "connect">;

/** One undici Agent. A new one when the TLS credentials change, while the old one ends what it has begun. */
export class RotatingAgent implements AsyncDisposable {
  readonly #options: AgentOptions;
  #tls: TlsCredentials | undefined;
  #agent: Agent | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  for(tls: TlsCredentials): Agent {
    if (this.#agent !== undefined && this.#tls === tls) return this.#agent;
    this.retire();
    this.#tls = tls;
    this.#agent = new Agent({ ...this.#options, connect: tlsOptions(tls) });
    return this.#agent;
  }

  /** The next request gets new connections. */
  retire(): void {
    // What is left of it fails by itself; nobody waits for its end.
    void this.#agent?.close().catch(() => {});
    this.#agent = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.destroy();
  }
}

/** The credentials as `node:tls` takes them. */
export function tlsOptions({ insecure, ...rest }: TlsCredentials): object {
  return insecure === true ? { ...rest, rejectUnauthorized: false } : rest;
}
