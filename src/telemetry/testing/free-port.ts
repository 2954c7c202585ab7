import { serveEndpoints } from "../index.ts";

/** A port of 127.0.0.1 on which nobody listened a moment ago, for what cannot be told to take any. */
export async function freePort(): Promise<number> {
  await using endpoint = await serveEndpoints({ host: "127.0.0.1", port: 0, routes: {} });
  return endpoint.port;
}
