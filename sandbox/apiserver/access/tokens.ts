import { createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign, verify } from "node:crypto";
import type { Clock } from "../../../src/base/index.ts";
import { isMap, storageKey, valueAt } from "../object.ts";
import type { Store } from "../store.ts";
import {
  authenticatedGroup,
  parseServiceAccountUser,
  type ServiceAccountName,
  serviceAccountGroups,
  serviceAccountUser,
  type User,
} from "./users.ts";

/** Who issues the tokens, and whom they are for unless said otherwise. */
export const issuer = "https://kubernetes.default.svc";

/** What a token of a service account says, in the words of RFC 7519 and Kubernetes. */
interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  readonly "kubernetes.io": {
    readonly namespace: string;
    readonly serviceaccount: { readonly name: string; readonly uid: string };
  };
}

/** A JSON web token by an EC key on P-256. */
export function signToken(claims: Claims, key: KeyObject): string {
  const parts = [{ alg: "ES256", typ: "JWT" }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url"),
  );
  const text = parts.join(".");
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

/** What a token says, signed or not. */
export function readClaims(token: string): Claims | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return isMap(claims) ? (claims as unknown as Claims) : undefined;
  } catch {
    return undefined;
  }
}

/** Issues tokens to service accounts and recognises them; one whose account is gone or was made anew is worth nothing. */
export class ServiceAccountTokens {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;

  constructor(store: Store, clock: Clock, key: string) {
    this.#store = store;
    this.#clock = clock;
    this.#privateKey = createPrivateKey(key);
    this.#publicKey = createPublicKey(key);
  }

  issue(account: ServiceAccountName & { readonly uid: string }, aud: readonly string[], seconds: number): string {
    const { namespace, name, uid } = account;
    const now = Math.floor(this.#clock.now() / 1000);
    const times = { iat: now, nbf: now, exp: now + seconds };
    const about = { namespace, serviceaccount: { name, uid } };
    const sub = serviceAccountUser(account);
    return signToken({ iss: issuer, sub, aud, ...times, jti: randomUUID(), "kubernetes.io": about }, this.#privateKey);
  }

  authenticate(token: string): User | undefined {
    const claims = this.#verified(token);
    const account = parseServiceAccountUser(claims?.sub ?? "");
    if (claims === undefined || account === undefined) return undefined;
    const { uid } = claims["kubernetes.io"].serviceaccount;
    const stored = this.#store.get("serviceaccounts", storageKey(account.namespace, account.name));
    if (valueAt(stored, "metadata.uid") !== uid) return undefined;
    return {
      name: claims.sub,
      uid,
      groups: [...serviceAccountGroups(account.namespace), authenticatedGroup],
      extra: { "authentication.kubernetes.io/credential-id": [`JTI=${claims.jti}`] },
    };
  }

  #verified(token: string): Claims | undefined {
    const [header = "", body = "", signature = "", ...more] = token.split(".");
    const key = { key: this.#publicKey, dsaEncoding: "ieee-p1363" } as const;
    const text = Buffer.from(`${header}.${body}`);
    if (more.length > 0 || !verify("sha256", text, key, Buffer.from(signature, "base64url"))) return undefined;
    const claims = readClaims(token);
    const now = this.#clock.now() / 1000;
    const isNow = claims !== undefined && claims.nbf <= now && now < claims.exp;
    return isNow && claims.iss === issuer && claims.aud.includes(issuer) ? claims : undefined;
  }
}
