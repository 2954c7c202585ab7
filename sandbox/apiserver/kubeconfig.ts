import { stringify } from "yaml";
import type { Credentials } from "./certificates.ts";

/** A kubeconfig that reaches `server` with these credentials. */
export function kubeconfig(server: string, { ca, token }: Credentials): string {
  const cluster = server.startsWith("https:")
    ? { server, "certificate-authority-data": Buffer.from(ca).toString("base64") }
    : { server };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "berth", cluster }],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "berth", context: { cluster: "berth", user: "admin" } }],
    "current-context": "berth",
  });
}
