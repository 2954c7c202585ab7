import { timingSafeEqual } from "node:crypto";
import { unauthorized } from "../status.ts";
import { type Attributes } from "./attributes.ts";
import type { Authorizer } from "./authorizer.ts";
import { impersonate, wantedUser } from "./impersonation.ts";
import { refusal } from "./refusal.ts";
import type { ServiceAccountTokens } from "./tokens.ts";
import { administrator, anonymous, type User } from "./users.ts";

type Headers = (name: string) => string | undefined;

export type AccessListener = (user: User, attributes: Attributes, allowed: boolean) => void;

/** The door of the API: who sends a request, and whether he may. */
export class Access {
  readonly authorizer: Authorizer;
  readonly tokens: ServiceAccountTokens;
  readonly #adminToken: Buffer;
  readonly #onAccess: AccessListener | undefined;

  constructor(authorizer: Authorizer, tokens: ServiceAccountTokens, adminToken: string, onAccess?: AccessListener) {
    this.#onAccess = onAccess;
    this.authorizer = authorizer;
    this.tokens = tokens;
    this.#adminToken = Buffer.from(adminToken);
  }

  /** The user for whom a request is answered. Throws Unauthorized or Forbidden. */
  admit(header: Headers, attributes: Attributes): User {
    const sender = this.#authenticate(header("authorization") ?? "");
    const wanted = wantedUser(header);
    const user = wanted === undefined ? sender : impersonate(this.authorizer, sender, wanted, attributes);
    const { allowed, reason } = this.authorizer.authorize(user, attributes);
    this.#onAccess?.(user, attributes, allowed);
    if (!allowed) throw refusal(user, attributes, reason);
    return user;
  }

  #authenticate(authorization: string): User {
    const token = /^bearer +(\S+)$/i.exec(authorization.trim())?.[1];
    if (token === undefined) return anonymous;
    const given = Buffer.from(token);
    if (given.length === this.#adminToken.length && timingSafeEqual(given, this.#adminToken)) return administrator;
    const user = this.tokens.authenticate(token);
    if (user === undefined) throw unauthorized();
    return user;
  }
}
