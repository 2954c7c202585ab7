import { get } from "node:http";
import { withPort } from "../net/index.ts";
import { kubePrefix } from "./plan/index.ts";

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** What a page says; undefined when nobody answers in time. */
export type AskPage = (url: string, signal: AbortSignal) => Promise<string | undefined>;

/** Where kube-proxy and this agent answer unless told otherwise. */
const usualPorts = [10_249, 10_256];
const answerWithinMs = 2000;

/**
 * Where a proxy of this node would answer that must not run beside us: the usual ports and our own, on loopback and
 * where we are to listen. With chains of other names than kube-proxy's only our own: who answers there has our ports at
 * least, and most likely is this agent once more.
 */
export function peerAddresses(ours: readonly PeerAddress[], chainPrefix: string = kubePrefix): readonly PeerAddress[] {
  const usual = chainPrefix === kubePrefix ? usualPorts : [];
  const ports = [...new Set([...usual, ...ours.map(({ port }) => port)])];
  const hosts = ["127.0.0.1", "::1"];
  const specific = ours.filter(({ host }) => !["0.0.0.0", "::", ...hosts].includes(host));
  return [...ports.flatMap((port) => hosts.map((host) => ({ host, port }))), ...specific];
}

/**
 * Who else proxies Services on this node, as a URL and what it answers. Two proxies delete each other's chains with
 * each sync, for as long as both live. Whatever else answers on these ports is no proxy.
 */
export async function findLivePeer(
  addresses: readonly PeerAddress[],
  signal: AbortSignal,
  ask: AskPage = askPage,
): Promise<string | undefined> {
  const found = await Promise.all(
    addresses.map(async ({ host, port }) => {
      const url = `http://${withPort(host, port)}`;
      const [mode, health] = await Promise.all([ask(`${url}/proxyMode`, signal), ask(`${url}/healthz`, signal)]);
      if (mode !== undefined && modes.includes(mode.trim())) return `${url}/proxyMode says ${mode.trim()}`;
      return health !== undefined && isProxyHealth(health) ? `${url}/healthz answers as a proxy` : undefined;
    }),
  );
  return found.find((one) => one !== undefined);
}

const modes = ["iptables", "ipvs", "nftables", "userspace", "kernelspace"];

/** The body that kube-proxy has had since 1.12, and whoever takes its place. */
function isProxyHealth(body: string): boolean {
  try {
    const page = JSON.parse(body) as unknown;
    return typeof page === "object" && page !== null && "lastUpdated" in page && "currentTime" in page;
  } catch {
    return false;
  }
}

function askPage(url: string, stop: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const nothing = (): void => resolve(undefined);
    const signal = AbortSignal.any([stop, AbortSignal.timeout(answerWithinMs)]);
    const request = get(url, { signal, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
        // No page of a proxy is as long.
        if (body.length > maxPageLength) request.destroy();
      });
      response.on("end", () => resolve(body));
      response.on("error", nothing);
      response.on("close", nothing);
    });
    request.on("error", nothing);
  });
}

const maxPageLength = 65_536;
