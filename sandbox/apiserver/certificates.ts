import { generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from "node:crypto";
// The container that x509 registers its algorithms in reads decorator metadata.
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Clock } from "../../src/base/index.ts";
import { parseIp } from "../../src/net/index.ts";

/** What proves the server to its clients and its clients to it; certificates and key as PEM. */
export interface Credentials {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** The administrator's. */
  readonly token: string;
  /** Signs the tokens of service accounts; PEM. */
  readonly serviceAccountKey: string;
}

const dayMs = 86_400_000;
const keys = { name: "ECDSA", namedCurve: "P-256" } as const;
const signature = { name: "ECDSA", hash: "SHA-256" } as const;
const issuer = "CN=berth-apiserver-ca";

/** Makes a CA, a serving certificate for the given names and addresses, and a bearer token. */
export async function createCredentials(names: readonly string[], clock: Clock): Promise<Credentials> {
  cryptoProvider.set(webcrypto);
  const { subtle } = webcrypto;
  const authority = await subtle.generateKey(keys, true, ["sign", "verify"]);
  const server = await subtle.generateKey(keys, true, ["sign", "verify"]);
  const common = {
    notBefore: new Date(clock.now() - dayMs),
    notAfter: new Date(clock.now() + 3650 * dayMs),
    signingAlgorithm: signature,
  };
  const ca = await X509CertificateGenerator.createSelfSigned({
    ...common,
    serialNumber: "01",
    name: issuer,
    keys: authority,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const serving = await X509CertificateGenerator.create({
    ...common,
    serialNumber: "02",
    subject: "CN=kube-apiserver",
    issuer,
    publicKey: server.publicKey,
    signingKey: authority.privateKey,
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        [...new Set(names)].map((value) => ({ type: parseIp(value) === undefined ? "dns" : "ip", value })),
      ),
    ],
  });
  return {
    ca: ca.toString("pem"),
    certificate: serving.toString("pem"),
    key: PemConverter.encode(await subtle.exportKey("pkcs8", server.privateKey), "PRIVATE KEY"),
    token: randomBytes(24).toString("base64url"),
    serviceAccountKey: generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    }).privateKey,
  };
}

/** Whether kept credentials still serve every name that is asked for now. */
export function covers({ certificate }: Credentials, names: readonly string[]): boolean {
  const parsed = new X509Certificate(certificate);
  return names.every((name) =>
    parseIp(name) === undefined ? parsed.checkHost(name) !== undefined : parsed.checkIP(name) !== undefined,
  );
}
