import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:http2";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startServer, TestClient } from "./fixture.ts";
import type { ApiServer, ListenAddress } from "./index.ts";

const https: ListenAddress = { scheme: "https", host: "127.0.0.1", port: 0 };

async function temporary(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "berth-apiserver-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function status(server: ApiServer, options: object): Promise<number | undefined> {
  const request = get({ ca: server.ca, agent: false, ...options });
  const [response] = await once(request, "response");
  response.resume();
  return response.statusCode;
}

describe("listeners", () => {
  it("serve HTTPS over both HTTP versions and a socket, and only who holds the token", async () => {
    await using directory = await temporary();
    const path = join(directory.path, "api.sock");
    await using server = await startServer({ listen: [https, { scheme: "unix", path }] });
    const url = new URL(server.urls[0] ?? "");
    const headers = { authorization: `Bearer ${server.token}` };
    const tcp = { host: url.hostname, port: url.port, path: "/api/v1/namespaces" };
    expect(await status(server, { ...tcp, headers })).toBe(200);
    expect(await status(server, tcp)).toBe(403);
    expect(await status(server, { ...tcp, headers: { authorization: "Bearer nobody" } })).toBe(401);
    expect(await status(server, { ...tcp, path: "/readyz" })).toBe(200);
    expect(await status(server, { socketPath: path, path: "/api/v1/nodes", headers, servername: "kubernetes" })).toBe(
      200,
    );

    const session = connect(url.origin, { ca: server.ca });
    const stream = session.request({ ":path": "/api/v1/nodes", ...headers });
    const [answer] = await once(stream, "response");
    expect(answer[":status"]).toBe(200);
    session.destroy();
  });

  it("name the address that is taken", async () => {
    await using server = await startServer({ listen: [https] });
    const port = Number(new URL(server.urls[0] ?? "").port);
    await expect(startServer({ listen: [{ ...https, port }] })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`,
    );
  });

  it("end their watches and connections when the server ends", async () => {
    const server = await startServer();
    const watch = await new TestClient(server).watch("/api/v1/nodes?watch=1");
    await server[Symbol.asyncDispose]();
    await expect(watch.next().catch(() => undefined)).resolves.toBeUndefined();
  });
});

describe("files", () => {
  it("are the owner's alone, and a kubeconfig that cannot be written stops the start", async () => {
    await using directory = await temporary();
    const kubeconfigFile = join(directory.path, "kubeconfig");
    await using server = await startServer({ listen: [https], kubeconfigFile });
    expect((await stat(kubeconfigFile)).mode & 0o777).toBe(0o600);
    expect(await readFile(kubeconfigFile, "utf8")).toBe(server.kubeconfig);
    await expect(startServer({ kubeconfigFile: join(directory.path, "none/kubeconfig") })).rejects.toThrow("ENOENT");
  });

  it("carry objects, versions and credentials over a restart", async () => {
    await using directory = await temporary();
    const stateFile = join(directory.path, "state.json");
    const services = "/api/v1/namespaces/default/services";
    const body = { metadata: { name: "a" }, spec: { clusterIP: "10.96.0.9", ports: [{ port: 80 }] } };
    let version = 0;
    let token = "";
    {
      await using server = await startServer({ stateFile });
      const created = await new TestClient(server).post(services, body);
      version = Number((created.body["metadata"] as { resourceVersion: string }).resourceVersion);
      ({ token } = server);
    }
    await using server = await startServer({ stateFile });
    const client = new TestClient(server);
    expect(server.token).toBe(token);
    expect(await client.get(`${services}/a`)).toMatchObject({
      status: 200,
      body: { spec: { clusterIP: "10.96.0.9" } },
    });
    const second = await client.post(services, { ...body, metadata: { name: "b" } });
    expect(second).toMatchObject({ status: 422 });
    const node = await client.post("/api/v1/nodes", { metadata: { name: "n" } });
    expect(Number((node.body["metadata"] as { resourceVersion: string }).resourceVersion)).toBeGreaterThan(version);
    using watch = await client.watch(`${services}?watch=1&resourceVersion=1`);
    expect(await watch.next()).toMatchObject({ type: "ERROR", object: { code: 410 } });
  });

  it("that hold no snapshot are refused", async () => {
    await using directory = await temporary();
    const stateFile = join(directory.path, "state.json");
    await writeFile(stateFile, "{}");
    await expect(startServer({ stateFile })).rejects.toThrow(`--state: ${stateFile} is no snapshot`);
  });
});
