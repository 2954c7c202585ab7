// `node relay-main.ts SOCKET [PORT]`: a port of the loopback address of the network namespace that it runs in leads to
// a Unix socket, which other namespaces reach as well. Prints the port, a free one by default.
import { startRelay } from "../../sandbox/cluster/index.ts";

const [path = "", wanted = "0"] = process.argv.slice(2);
const { port } = await startRelay({ path }, { host: "127.0.0.1", port: Number(wanted) });
process.stdout.write(`${port}\n`);
