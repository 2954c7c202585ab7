import {
  type AddressInfo,
  connect,
  createServer,
  type ListenOptions,
  type NetConnectOpts,
  type Socket,
} from "node:net";

/** A listening socket whose connections end at another one. */
export interface Relay extends AsyncDisposable {
  /** 0 where it listens on a Unix socket. */
  readonly port: number;
  /** Breaks every connection; new ones are welcome. */
  cut(): void;
}

/** Brings a socket to another address: to a free port of the loopback address unless told otherwise. */
export async function startRelay(
  to: NetConnectOpts,
  at: ListenOptions = { host: "127.0.0.1", port: 0 },
): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ ...to, allowHalfOpen: true });
    for (const [from, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.pipe(other);
      // Whatever ends one side ends the other; the peers see it as what it is, a broken connection.
      from.on("error", () => other.destroy());
      from.on("close", () => {
        sockets.delete(from);
        other.destroySoon();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, resolve);
  });
  const address = server.address();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: typeof address === "string" ? 0 : (address as AddressInfo).port,
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
