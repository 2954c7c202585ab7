import { webcrypto } from "node:crypto";
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
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { systemClock } from "../../src/base/index.ts";
import { parseIp } from "../../src/net/index.ts";

/** As PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

const keys = { name: "ECDSA", namedCurve: "P-256" } as const;
const dayMs = 86_400_000;

/** Says who is who in the cluster. */
export class Authority {
  readonly #certificate: X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;
  #serial = 1;

  private constructor(certificate: X509Certificate, own: webcrypto.CryptoKeyPair) {
    this.#certificate = certificate;
    this.#keys = own;
  }

  static async create(): Promise<Authority> {
    cryptoProvider.set(webcrypto);
    const own = await webcrypto.subtle.generateKey(keys, true, ["sign", "verify"]);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      ...validity(),
      serialNumber: "01",
      name: "CN=cluster-ca",
      keys: own,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return new Authority(certificate, own);
  }

  get certificate(): string {
    return this.#certificate.toString("pem");
  }

  /** For a client of that name, of groups, and for a server of these names and addresses. */
  async issue(name: string, groups: readonly string[] = [], hosts: readonly string[] = []): Promise<KeyPair> {
    const own = await webcrypto.subtle.generateKey(keys, true, ["sign", "verify"]);
    this.#serial += 1;
    const certificate = await X509CertificateGenerator.create({
      ...validity(),
      serialNumber: this.#serial.toString(16).padStart(2, "0"),
      subject: [{ CN: [name] }, ...groups.map((group) => ({ O: [group] }))],
      issuer: this.#certificate.subject,
      publicKey: own.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        ...(hosts.length === 0 ? [] : [alternativeNames(hosts)]),
      ],
    });
    const key = PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", own.privateKey), "PRIVATE KEY");
    return { certificate: certificate.toString("pem"), key };
  }
}

function validity(): { notBefore: Date; notAfter: Date; signingAlgorithm: object } {
  const now = systemClock.now();
  const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" };
  return { notBefore: new Date(now - dayMs), notAfter: new Date(now + 30 * dayMs), signingAlgorithm };
}

function alternativeNames(hosts: readonly string[]): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension(
    hosts.map((value) => ({ type: parseIp(value) === undefined ? "dns" : "ip", value })),
  );
}

/** What a client needs, in one file. */
export function kubeconfigText(server: string, authority: Authority, { certificate, key }: KeyPair): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const name = "real";
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name, cluster: { server, "certificate-authority-data": base64(authority.certificate) } }],
    users: [{ name, user: { "client-certificate-data": base64(certificate), "client-key-data": base64(key) } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
}
