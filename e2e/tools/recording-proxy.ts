// A plain HTTP proxy in front of an API server that writes each request's method and path to a file: what e2e tests
// count a process's reads and writes by. Run as `node recording-proxy.ts HOST PORT SOCKET LOG`; it prints `ready`.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { request } from "node:https";

const [host = "", port = "", socketPath = "", log = ""] = process.argv.slice(2);

const server = createServer((incoming, outgoing) => {
  appendFileSync(log, `${incoming.method} ${incoming.url}\n`);
  const upstream = request(
    {
      socketPath,
      // The socket is the sandbox's own; nobody else can stand behind it.
      rejectUnauthorized: false,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
    },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    },
  );
  upstream.on("error", () => outgoing.destroy());
  outgoing.on("close", () => upstream.destroy());
  incoming.pipe(upstream);
});
server.listen(Number(port), host, () => process.stdout.write("ready\n"));
