/** What one echo server is told, as JSON in its only argument. */
export interface EchoConfig {
  /** What it calls itself in its answers. */
  readonly pod: string;
  readonly namespace: string;
  readonly node: string;
  readonly tcpPorts: readonly number[];
  readonly udpPorts: readonly number[];
  /** Path of a Unix socket that answers `/healthz` (and `/ready`, `/unready`), whatever the ports do. */
  readonly control: string;
  /** Whether it reports ready from the start. */
  readonly ready: boolean;
  /** Takes connections and datagrams, and answers nothing. */
  readonly silent: boolean;
  /** After SIGTERM new connections are still served for so long, until load balancers have looked away. */
  readonly drainMs: number;
}

const defaultDrainMs = 1_000;

/** The configuration that a container of image `berth.dev/echo` stands for. */
export function echoConfig(
  place: Pick<EchoConfig, "pod" | "namespace" | "node" | "control">,
  container: {
    readonly ports?: readonly { readonly containerPort: number; readonly protocol?: string }[];
    readonly env?: readonly { readonly name: string; readonly value?: string }[];
  },
): EchoConfig {
  const { ports = [], env = [] } = container;
  const value = (name: string): string | undefined => env.find((entry) => entry.name === name)?.value;
  const listening = (protocol: string): number[] =>
    ports.filter((port) => (port.protocol ?? "TCP") === protocol).map((port) => port.containerPort);
  const drain = value("ECHO_DRAIN_MS") ?? "";
  return {
    ...place,
    tcpPorts: listening("TCP"),
    udpPorts: listening("UDP"),
    ready: value("ECHO_READY") !== "false",
    silent: value("ECHO_SILENT") === "true",
    drainMs: /^\d{1,6}$/.test(drain) ? Number(drain) : defaultDrainMs,
  };
}
