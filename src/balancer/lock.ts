import { createServer } from "node:net";
import { FailureError } from "../base/index.ts";

/**
 * Makes this the only balancer of its network namespace until disposed. Abstract socket names belong to a network
 * namespace, and the kernel frees them with their process, however it ends.
 */
export async function lockNamespace(): Promise<Disposable> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "EADDRINUSE"
          ? new FailureError("another berth balancer serves this network namespace; one namespace holds one")
          : error,
      ),
    );
    server.listen({ path: "\0berth-balancer" }, resolve);
  });
  server.unref();
  return { [Symbol.dispose]: () => void server.close() };
}
