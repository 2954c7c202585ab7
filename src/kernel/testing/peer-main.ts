// A process that plays a node (serves) or a client (asks) in a network namespace, told what to do by JSON lines.
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { createConnection, createServer, isIPv6, type Socket } from "node:net";
import { createInterface } from "node:readline";

export interface PeerCommands {
  /** Serves TCP (greets with `name client`, then echoes lines), UDP and, if asked to, health checks on all addresses. */
  serve: { args: { name: string; tcp: number; udp: number; health?: number }; answer: "serving" };
  setHealth: { args: { status: number }; answer: number };
  /** Connects and returns the greeting, or the error's code. */
  connect: { args: { address: string; port: number; timeoutMs?: number }; answer: string };
  /** Connects and keeps the connection under a name. */
  open: { args: { as: string; address: string; port: number }; answer: string };
  say: { args: { as: string; text: string }; answer: string };
  /** Sends a datagram from the socket of this name (made on first use) and returns the answer or the error's code. */
  datagram: { args: { as: string; address: string; port: number; timeoutMs?: number }; answer: string };
  /** Asks from a new socket, of this address if it is given: `name client` with a plain IPv4 address, or the error's code. */
  probe: {
    args: { protocol: "TCP" | "UDP"; address: string; port: number; from?: string; timeoutMs: number };
    answer: string;
  };
}

let health = 200;
const connections = new Map<string, Socket>();
const sockets = new Map<string, Datagrams>();

const commands: { [K in keyof PeerCommands]: (args: PeerCommands[K]["args"]) => Promise<PeerCommands[K]["answer"]> } = {
  async serve({ name, tcp, udp, health: healthPort }) {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(`${name} ${socket.remoteAddress}\n`);
      socket.on("data", (data) => socket.write(`${name} ${data.toString()}`));
    });
    const probes = createHttpServer((_, response) => response.writeHead(health).end());
    const datagrams = createSocket("udp6");
    datagrams.on("message", (_, from) => datagrams.send(`${name} ${from.address}`, from.port, from.address));
    await Promise.all([
      new Promise<void>((resolve) => server.listen(tcp, "::", resolve)),
      healthPort === undefined ? undefined : new Promise<void>((resolve) => probes.listen(healthPort, "::", resolve)),
      new Promise<void>((resolve) => datagrams.bind(udp, "::", resolve)),
    ]);
    return "serving";
  },
  async setHealth({ status }) {
    health = status;
    return health;
  },
  async connect({ address, port, timeoutMs = 20_000 }) {
    const socket = createConnection({ host: address, port });
    const timer = setTimeout(() => socket.destroy(timedOut()), timeoutMs);
    try {
      return await nextLine(socket);
    } catch (error) {
      return codeOf(error);
    } finally {
      clearTimeout(timer);
      socket.destroy();
    }
  },
  async open({ as, address, port }) {
    const socket = createConnection({ host: address, port });
    connections.set(as, socket);
    return nextLine(socket);
  },
  async say({ as, text }) {
    const socket = connections.get(as);
    if (socket === undefined) return "NOT OPEN";
    socket.write(`${text}\n`);
    return nextLine(socket).catch(codeOf);
  },
  async datagram({ as, address, port, timeoutMs = 20_000 }) {
    let socket = sockets.get(as);
    if (socket === undefined) {
      socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
      sockets.set(as, socket);
      const connecting = socket;
      await new Promise<void>((resolve) => connecting.connect(port, address, resolve));
    }
    return answerOf(socket, timeoutMs);
  },
  async probe({ protocol, address, port, from, timeoutMs }) {
    const own = from === undefined ? {} : { localAddress: from };
    const answer =
      protocol === "TCP"
        ? await probeTcp({ host: address, port, ...own }, timeoutMs)
        : await probeUdp(address, port, from, timeoutMs);
    return answer.replace("::ffff:", "");
  },
};

async function probeTcp(to: { host: string; port: number; localAddress?: string }, timeoutMs: number): Promise<string> {
  const socket = createConnection(to);
  const timer = setTimeout(() => socket.destroy(timedOut()), timeoutMs);
  return nextLine(socket)
    .catch(codeOf)
    .finally(() => {
      clearTimeout(timer);
      socket.destroy();
    });
}

async function probeUdp(address: string, port: number, from: string | undefined, timeoutMs: number): Promise<string> {
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  if (from !== undefined) await new Promise<void>((resolve) => socket.bind(0, from, resolve));
  await new Promise<void>((resolve) => socket.connect(port, address, resolve));
  return answerOf(socket, timeoutMs).finally(() => socket.close());
}

function timedOut(): Error {
  return Object.assign(new Error("timeout"), { code: "TIMEOUT" });
}

function nextLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | undefined, line = ""): void => {
      socket.off("data", onData).off("error", settle).off("close", onClose);
      socket.on("error", () => {});
      if (error === undefined) resolve(line);
      else reject(error);
    };
    const onData = (data: Buffer): void => settle(undefined, data.toString().trim());
    const onClose = (): void => settle(new Error("CLOSED"));
    socket.once("data", onData).once("error", settle).once("close", onClose);
  });
}

function answerOf(socket: Datagrams, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const settle = (answer: string): void => {
      clearTimeout(timer);
      socket.removeAllListeners("message").removeAllListeners("error");
      socket.on("error", () => {});
      resolve(answer);
    };
    const timer = setTimeout(() => settle("TIMEOUT"), timeoutMs);
    socket.removeAllListeners("error");
    socket.once("message", (data) => settle(data.toString())).once("error", (error) => settle(codeOf(error)));
    socket.send("hello", (error) => {
      if (error !== null && error !== undefined) settle(codeOf(error));
    });
  });
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

/** Answers come as they are ready, with the number of the question. */
async function answer({ id, command, args }: { id: number; command: keyof PeerCommands; args: never }): Promise<void> {
  process.stdout.write(`${JSON.stringify({ id, answer: await commands[command](args) })}\n`);
}

for await (const line of createInterface({ input: process.stdin })) void answer(JSON.parse(line));
process.exit(0);
