// A process that brings a Unix socket to a port of the loopback address of the network namespace that it runs in.
import { startRelay } from "../../../sandbox/cluster/relay.ts";

const { port } = await startRelay(process.argv[2] ?? "");
process.stdout.write(`${port}\n`);
