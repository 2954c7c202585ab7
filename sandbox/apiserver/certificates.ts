import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import type { Clock } from "../../src/base/index.ts";
import { parseIp } from "../../src/net/index.ts";
import { bits, integer, objectId, octets, sequence, set, tlv, utcTime, utf8, yes } from "./der.ts";

/** What proves the server to its clients and its clients to it; certificates and key as PEM. */
export interface Credentials {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly token: string;
}

const dayMs = 86_400_000;
const ecdsaWithSha256 = sequence(objectId("1.2.840.10045.4.3.2"));

/** Makes a CA, a serving certificate for the given names and addresses, and a bearer token. */
export function createCredentials(names: readonly string[], clock: Clock): Credentials {
  const authority = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const server = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = { issuer: "berth-apiserver-ca", signer: authority.privateKey, now: clock.now() };
  const ca = certificate({
    ...issuer,
    serial: 1,
    subject: issuer.issuer,
    key: authority.publicKey,
    extensions: [
      extension("2.5.29.19", sequence(yes)),
      // Key usage: keyCertSign and cRLSign.
      extension("2.5.29.15", bits(Buffer.from([0x06]), 1)),
    ],
  });
  const serving = certificate({
    ...issuer,
    serial: 2,
    subject: "kube-apiserver",
    key: server.publicKey,
    extensions: [
      // Key usage: digitalSignature; extended: serverAuth.
      extension("2.5.29.15", bits(Buffer.from([0x80]), 7)),
      extension("2.5.29.37", sequence(objectId("1.3.6.1.5.5.7.3.1"))),
      extension("2.5.29.17", sequence(...[...new Set(names)].map(generalName))),
    ],
  });
  return {
    ca: pem(ca),
    certificate: pem(serving),
    key: server.privateKey.export({ type: "pkcs8", format: "pem" }),
    token: randomBytes(24).toString("base64url"),
  };
}

interface CertificateRequest {
  readonly serial: number;
  readonly issuer: string;
  readonly subject: string;
  readonly key: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: readonly Buffer[];
  readonly now: number;
}

/** RFC 5280, version 3. */
function certificate({ serial, issuer, subject, key, signer, extensions, now }: CertificateRequest): Buffer {
  const body = sequence(
    tlv(0xa0, integer(2)),
    integer(serial),
    ecdsaWithSha256,
    commonName(issuer),
    sequence(utcTime(now - dayMs), utcTime(now + 3650 * dayMs)),
    commonName(subject),
    key.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...extensions)),
  );
  return sequence(body, ecdsaWithSha256, bits(sign("sha256", body, signer)));
}

function commonName(text: string): Buffer {
  return sequence(set(sequence(objectId("2.5.4.3"), utf8(text))));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(objectId(id), octets(value));
}

function generalName(text: string): Buffer {
  const ip = parseIp(text);
  if (ip === undefined) return tlv(0x82, Buffer.from(text));
  return tlv(0x87, Buffer.from(ip.value.toString(16).padStart(ip.family === "IPv4" ? 8 : 32, "0"), "hex"));
}

function pem(der: Buffer): string {
  return new X509Certificate(der).toString();
}

/** Whether kept credentials still serve every name that is asked for now. */
export function covers({ certificate }: Credentials, names: readonly string[]): boolean {
  const parsed = new X509Certificate(certificate);
  return names.every((name) =>
    parseIp(name) === undefined ? parsed.checkHost(name) !== undefined : parsed.checkIP(name) !== undefined,
  );
}
