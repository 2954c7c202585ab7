// The program that answers in the sandbox's pods: HTTP, lines over TCP, datagrams over UDP, each saying which pod on
// which node answered and which client address it saw. Invariant: its health is asked over a Unix socket of its own,
// so a server that is told to be silent towards its clients still counts as ready.
export { echoConfig } from "./config.ts";

/** Run as `node <entry> <EchoConfig as JSON>`. */
export const echoEntry: string = new URL("main.ts", import.meta.url).pathname;
