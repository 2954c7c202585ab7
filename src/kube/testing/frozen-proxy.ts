import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Forwards TCP until it is frozen: then what is open stays open and silent, as when a cable is cut. */
export class FrozenProxy implements AsyncDisposable {
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #server: Server;

  constructor(target: number) {
    this.#server = createServer((from) => {
      const to = connect(target, "127.0.0.1");
      const pair = [from, to] as const;
      this.#pairs.add(pair);
      for (const socket of pair) socket.on("error", () => {});
      from.pipe(to);
      to.pipe(from);
      from.once("close", () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
      to.once("close", () => from.destroy());
    });
  }

  static async start(target: number): Promise<FrozenProxy> {
    const proxy = new FrozenProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Nothing passes any more on the connections that are open; new ones work. */
  freeze(): void {
    for (const [from, to] of this.#pairs) {
      from.unpipe(to).pause();
      to.unpipe(from).pause();
    }
  }

  /** Breaks every connection, as when a machine was switched off and on. */
  reset(): void {
    for (const [from] of this.#pairs) from.resetAndDestroy();
  }

  /** Ends every connection, as when a process has ended. */
  end(): void {
    for (const [from] of this.#pairs) from.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
