import { X509Certificate } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { UsageError } from "../base/index.ts";
import { remedyOf } from "./connection.ts";
import { type Credentials, inClusterConnection, loadKubeconfig, staticConnection } from "./index.ts";
import { testCa } from "./testing/test-server.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-connection-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(UsageError);
  return (error as Error).message.replaceAll(folder, "DIR");
}

describe("in a cluster", () => {
  const environment = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };

  async function start(): Promise<{ connection: Awaited<ReturnType<typeof inClusterConnection>>; clock: FakeClock }> {
    await writeFile(join(folder, "token"), "one\n");
    await writeFile(join(folder, "ca.crt"), "CA");
    const clock = new FakeClock();
    return { connection: await inClusterConnection(environment, { folder, clock }), clock };
  }

  it("takes the address from the environment, token and CA from files", async () => {
    const { connection } = await start();
    expect(connection.server).toBe("https://[fd00::1]:443");
    expect(await connection.credentials()).toEqual({ tls: { ca: "CA" }, headers: { authorization: "Bearer one" } });
  });

  it("sees a new token within a minute, at once when the old one was refused", async () => {
    const { connection, clock } = await start();
    const { tls } = await connection.credentials();
    await writeFile(join(folder, "token"), "two");
    clock.advance(59_999);
    expect((await connection.credentials()).headers["authorization"]).toBe("Bearer one");
    clock.advance(1);
    const renewed = await connection.credentials();
    expect(renewed.headers["authorization"]).toBe("Bearer two");
    // Nothing changed for TLS, so that connections stay.
    expect(renewed.tls).toBe(tls);
    await writeFile(join(folder, "token"), "three");
    expect((await connection.credentials(true)).headers["authorization"]).toBe("Bearer three");
  });

  it("sees a new CA", async () => {
    const { connection, clock } = await start();
    const { tls } = await connection.credentials();
    await writeFile(join(folder, "ca.crt"), "CA2");
    clock.advance(60_000);
    const renewed = await connection.credentials();
    expect(renewed.tls).not.toBe(tls);
    expect(renewed.tls).toEqual({ ca: "CA2" });
  });

  it("lives through two minutes without a token file", async () => {
    const { connection, clock } = await start();
    await rename(join(folder, "token"), join(folder, "away"));
    for (let minute = 0; minute < 2; minute++) {
      clock.advance(60_000);
      expect((await connection.credentials()).headers["authorization"]).toBe("Bearer one");
    }
    await writeFile(join(folder, "token"), "two");
    clock.advance(60_000);
    expect((await connection.credentials()).headers["authorization"]).toBe("Bearer two");
  });

  it("keeps the last token when the file is empty for a moment", async () => {
    const { connection, clock } = await start();
    await writeFile(join(folder, "token"), "");
    clock.advance(60_000);
    expect((await connection.credentials()).headers["authorization"]).toBe("Bearer one");
  });

  it("reads once for many that ask at a time", async () => {
    const { connection, clock } = await start();
    clock.advance(60_000);
    const all = await Promise.all([connection.credentials(), connection.credentials(true), connection.credentials()]);
    expect(new Set(all).size).toBe(1);
  });

  it("says what is missing", async () => {
    expect(await failure(inClusterConnection({}, { folder }))).toMatch(/not in a pod; give --kubeconfig FILE/);
    expect(await failure(inClusterConnection(environment, { folder }))).toMatch(
      /no service account credentials: ENOENT: .*'DIR\/(token|ca\.crt)'; mount a token/,
    );
  });
});

describe("by kubeconfig", () => {
  // Large, and loaded with the first kubeconfig: no part of what a test's time is for.
  beforeAll(async () => void (await import("@kubernetes/client-node")), 60_000);

  const plugin = (command: string, args: readonly string[]): object => {
    return { apiVersion: "client.authentication.k8s.io/v1", command, args, interactiveMode: "Never" };
  };
  const config = {
    clusters: [
      { name: "tls", cluster: { server: "https://10.0.0.1:6443/", "certificate-authority-data": btoa("CA") } },
      { name: "plain", cluster: { server: "http://127.0.0.1:8080" } },
      {
        name: "files",
        cluster: { server: "https://k8s:6443", "certificate-authority": "ca.crt", "tls-server-name": "api" },
      },
      { name: "insecure", cluster: { server: "https://k8s:6443", "insecure-skip-tls-verify": true } },
      { name: "odd", cluster: { server: "k8s:6443" } },
    ],
    users: [
      { name: "token", user: { token: "T" } },
      { name: "basic", user: { username: "u", password: "p" } },
      { name: "cert", user: { "client-certificate-data": btoa("CERT"), "client-key-data": btoa("KEY") } },
      { name: "file", user: { tokenFile: "token" } },
      { name: "lost", user: { "client-certificate": "nowhere.crt" } },
      { name: "missing", user: { exec: plugin("no-such-plugin", []) } },
      { name: "hint", user: { exec: { ...plugin("no-such-plugin", []), installHint: "see\nthe manual" } } },
      { name: "failing", user: { exec: plugin("/bin/sh", ["-c", "echo no login >&2; echo at all >&2; exit 1"]) } },
      { name: "chatty", user: { exec: plugin("/bin/echo", ["Welcome"]) } },
      { name: "empty", user: { exec: plugin("/bin/echo", ["{}"]) } },
      {
        name: "exec",
        user: {
          exec: plugin("/bin/sh", [
            "-c",
            `echo >> DIR/count; echo "{\\"status\\":{\\"token\\":\\"$(wc -l < DIR/count)\\"}}"`,
          ]),
        },
      },
    ],
    contexts: [
      ["tls", "token"],
      ["plain", "token"],
      ["plain", "basic"],
      ["files", "cert"],
      ["insecure", "file"],
      ["odd", "token"],
      ["nowhere", "token"],
      ["tls", "nobody"],
      ["tls", "lost"],
      ["tls", "missing"],
      ["tls", "hint"],
      ["tls", "failing"],
      ["tls", "chatty"],
      ["tls", "empty"],
      ["tls", "exec"],
      ["tls", undefined],
    ].map(([cluster, user]) => ({ name: `${cluster}-${user}`, context: { cluster, user } })),
    "current-context": "tls-token",
  };

  async function write(text: string = JSON.stringify(config)): Promise<string> {
    const path = join(folder, "config");
    await writeFile(path, text.replaceAll("DIR", folder));
    await writeFile(join(folder, "ca.crt"), "FILE CA");
    await writeFile(join(folder, "token"), "FILE T\n");
    return path;
  }

  it.each([
    [undefined, "https://10.0.0.1:6443", { ca: "CA" }, "Bearer T"],
    ["plain-token", "http://127.0.0.1:8080", {}, "Bearer T"],
    ["plain-basic", "http://127.0.0.1:8080", {}, `Basic ${btoa("u:p")}`],
    ["files-cert", "https://k8s:6443", { ca: "FILE CA", cert: "CERT", key: "KEY", servername: "api" }, undefined],
    ["insecure-file", "https://k8s:6443", { insecure: true }, "Bearer FILE T"],
    ["tls-undefined", "https://10.0.0.1:6443", { ca: "CA" }, undefined],
  ])("reads context %s", async (context, server, tls, authorization) => {
    const connection = await loadKubeconfig(await write(), { context });
    expect(connection.server).toBe(server);
    const credentials = await connection.credentials();
    const text = Object.entries(credentials.tls).map(([k, v]) => [k, typeof v === "boolean" ? v : String(v)]);
    expect(Object.fromEntries(text)).toEqual(tls);
    expect(credentials.headers["authorization"]).toBe(authorization);
  });

  it.each([
    ["tls-token", "https://192.0.2.1:6443", { ca: "CA" }],
    // Nothing of the old URL's lack of encryption goes over to the new one.
    ["plain-token", "https://192.0.2.1:6443", {}],
    ["tls-token", "http://192.0.2.1:8080", { ca: "CA" }],
    ["odd-token", "https://192.0.2.1:6443", {}],
  ])("reads context %s for the server %s", async (context, server, tls) => {
    const connection = await loadKubeconfig(await write(), { context, server });
    expect(connection.server).toBe(server);
    const credentials = await connection.credentials();
    expect(Object.fromEntries(Object.entries(credentials.tls).map(([k, v]) => [k, String(v)]))).toEqual(tls);
    expect(credentials.headers["authorization"]).toBe("Bearer T");
  });

  it.each([
    ["odd-token", /clusters\[odd\]\.cluster\.server: "k8s:6443" is no URL; give https:\/\/HOST:PORT/],
    ["nowhere-token", /contexts\[nowhere-token\]\.context\.cluster: no such cluster: nowhere; mend the file/],
    ["tls-nobody", /contexts\[tls-nobody\]\.context\.user: no such user: nobody; mend the file/],
    [
      "tls-missing",
      /users\[missing\]\.user\.exec\.command "no-such-plugin": no such program; install it or give another kubeconfig$/,
    ],
    ["tls-hint", /no such program; install it \(see the manual\) or give another kubeconfig$/],
    [
      "tls-failing",
      /users\[failing\]\.user\.exec\.command "\/bin\/sh": no login at all; run it by hand to see what it lacks$/,
    ],
    ["tls-chatty", /users\[chatty\]\.user\.exec\.command "\/bin\/echo": .*JSON; run it by hand/],
    ["tls-empty", /users\[empty\]\.user\.exec\.command "\/bin\/echo": .*; run it by hand/],
    ["tls-lost", /credentials of context tls-lost: ENOENT: .*nowhere\.crt/],
    ["elsewhere", /current-context: no context "elsewhere"; it defines tls-token, plain-token, /],
  ])("refuses context %s with one clear line", async (context, message) => {
    const text = await failure(loadKubeconfig(await write(), { context }));
    expect(text).toMatch(message);
    expect(text).toMatch(/^kubeconfig DIR\/config: /);
    expect(text).not.toMatch(/\n/);
  });

  it("asks a credential plug-in again only when the server refused its last answer", async () => {
    const clock = new FakeClock();
    const connection = await loadKubeconfig(await write(), { context: "tls-exec", clock });
    const token = async (renew = false) => (await connection.credentials(renew)).headers["authorization"];
    clock.advance(60_000);
    expect([await token(), await token(), await token(true), await token()]).toEqual([
      "Bearer 1",
      "Bearer 1",
      "Bearer 2",
      "Bearer 2",
    ]);
  });

  it.each([
    ["nothing", ""],
    ["no YAML", "{"],
    ["no mapping", "- a\n- b\n"],
    ["a text", "hello"],
    ["a cluster without an address", "clusters: [{name: a, cluster: {}}]"],
    ["no contexts", "{}"],
    ["numbers for lists", "{clusters: 5, users: 5, contexts: 5}"],
  ])("refuses a file with %s", async (_, text) => {
    const message = await failure(loadKubeconfig(await write(text)));
    expect(message).toMatch(/^kubeconfig DIR\/config: .*(mend the file or give another one)$/);
  });

  it("refuses a file that is not there", async () => {
    expect(await failure(loadKubeconfig(join(folder, "no")))).toMatch(
      /^kubeconfig DIR\/no: ENOENT: .*; give the path of a readable kubeconfig$/,
    );
  });
});

it.each(["", "localhost:6443", "ftp://x", "https://"])("takes no server address %j", (server) => {
  expect(() => staticConnection(server)).toThrow(UsageError);
});

describe("who is not known to the server", () => {
  const expired = new X509Certificate(testCa).validToDate.getTime() + 1;

  it.each<[string, Partial<Credentials>, number, RegExp]>([
    ["expired", { tls: { cert: testCa } }, expired, /^our client certificate expired at 2\d{3}-.*Z; renew it/],
    ["valid", { tls: { cert: testCa } }, expired - 2, /^the server does not accept our token or client certificate/],
    ["no certificate at all", { tls: { cert: "?" } }, expired, /^the server does not accept our token/],
    ["a token", { headers: { authorization: "Bearer x" } }, 0, /^the server does not accept our token/],
    ["nothing", {}, 0, /^we have no credentials; name a user/],
  ])("%s: is told what to mend", (_, { tls = {}, headers = {} }, now, says) => {
    expect(remedyOf(401, { tls, headers }, now)).toMatch(says);
    expect(remedyOf(403, { tls, headers }, now)).toBeUndefined();
  });
});
