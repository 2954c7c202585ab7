// A proxy in front of an API server that writes each request's method and path to a file: what e2e tests count a
// process's reads and writes by. Run as `node recording-proxy.ts HOST PORT SOCKET LOG`; it prints `ready`.
import { appendFileSync } from "node:fs";
import { startApiProxy } from "./api-proxy.ts";

const [host = "", port = "", socketPath = "", log = ""] = process.argv.slice(2);

await startApiProxy({
  host,
  port: Number(port),
  socketPath,
  before({ method, url }) {
    appendFileSync(log, `${method} ${url}\n`);
    return true;
  },
});
process.stdout.write("ready\n");
