// `node relay-main.ts PORT SOCKET`, in the namespace of a node: its loopback port leads to a Unix socket, which other
// namespaces reach as well.
import { startRelay } from "../../sandbox/cluster/index.ts";

const [port, path = ""] = process.argv.slice(2);
await startRelay({ path }, { host: "127.0.0.1", port: Number(port) });
process.stdout.write("ready\n");
