// What the image `berth.dev/echo` runs: the sandbox's echo server, as a container of a real cluster.
import { hostname } from "node:os";
import { echoConfig } from "../../sandbox/echo/config.ts";
import { startEcho } from "../../sandbox/echo/server.ts";

const { POD_NAMESPACE: namespace = "", NODE_NAME: node = "" } = process.env;
const env = Object.entries(process.env).map(([name, value = ""]) => ({ name, value }));
// A container does not see which ports its manifest names.
const ports = [{ containerPort: 8080 }, { containerPort: 5353, protocol: "UDP" }];
const place = { pod: hostname(), namespace, node, control: "/tmp/echo.sock" };
const echo = await startEcho(echoConfig(place, { ports, env }));
process.once("SIGTERM", () => void echo.drain().then(() => process.exit(0)));
