import { connect, createServer, type Socket } from "node:net";

/** A listening port whose connections end at a Unix socket. */
export interface Relay extends AsyncDisposable {
  /** 0 on a Unix socket. */
  readonly port: number;
}

/** A Unix socket by its path, or a port of a host. */
export type RelayTarget = string | { readonly host: string; readonly port: number };

/** Brings a target to a free port of the loopback address, or to a Unix socket: those pass from namespace to namespace. */
export async function startRelay(target: RelayTarget, socketPath?: string): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ ...(typeof target === "string" ? { path: target } : target), allowHalfOpen: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      // Whatever ends one side ends the other; the peers see it as what it is, a broken connection.
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroySoon();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (socketPath === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(socketPath, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
