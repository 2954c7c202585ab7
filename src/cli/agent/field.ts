// What an entry of the table of kube-proxy's configuration says; the table itself is in `fields.ts`.
import type { Kind } from "./kinds.ts";

/** Every field by its path in the file, with what it holds; durations in milliseconds. */
export interface FieldValues {
  readonly bindAddress: string;
  readonly bindAddressHardFail: boolean;
  readonly "clientConnection.acceptContentTypes": string;
  readonly "clientConnection.burst": number;
  readonly "clientConnection.contentType": string;
  readonly "clientConnection.kubeconfig": string;
  readonly "clientConnection.qps": number;
  readonly clusterCIDR: readonly string[];
  readonly configSyncPeriod: number;
  readonly "conntrack.maxPerCore": number;
  readonly "conntrack.min": number;
  readonly "conntrack.tcpBeLiberal": boolean;
  readonly "conntrack.tcpCloseWaitTimeout": number;
  readonly "conntrack.tcpEstablishedTimeout": number;
  readonly "conntrack.udpStreamTimeout": number;
  readonly "conntrack.udpTimeout": number;
  readonly "detectLocal.bridgeInterface": string;
  readonly "detectLocal.interfaceNamePrefix": string;
  readonly detectLocalMode: string;
  readonly enableProfiling: boolean;
  readonly featureGates: Readonly<Record<string, boolean>>;
  readonly healthzBindAddress: string;
  readonly hostnameOverride: string;
  readonly "iptables.localhostNodePorts": boolean;
  readonly "iptables.masqueradeAll": boolean;
  readonly "iptables.masqueradeBit": number;
  readonly "iptables.minSyncPeriod": number;
  readonly "iptables.syncPeriod": number;
  readonly "ipvs.excludeCIDRs": readonly string[];
  readonly "ipvs.minSyncPeriod": number;
  readonly "ipvs.scheduler": string;
  readonly "ipvs.strictARP": boolean;
  readonly "ipvs.syncPeriod": number;
  readonly "ipvs.tcpFinTimeout": number;
  readonly "ipvs.tcpTimeout": number;
  readonly "ipvs.udpTimeout": number;
  readonly "logging.flushFrequency": number;
  readonly "logging.format": string;
  readonly "logging.options.json.infoBufferSize": string;
  readonly "logging.options.json.splitStream": boolean;
  readonly "logging.options.text.infoBufferSize": string;
  readonly "logging.options.text.splitStream": boolean;
  readonly "logging.verbosity": number;
  readonly "logging.vmodule": readonly string[];
  readonly metricsBindAddress: string;
  readonly mode: string;
  readonly "nftables.masqueradeAll": boolean;
  readonly "nftables.masqueradeBit": number;
  readonly "nftables.minSyncPeriod": number;
  readonly "nftables.syncPeriod": number;
  readonly nodePortAddresses: readonly string[];
  readonly oomScoreAdj: number;
  readonly portRange: string;
  readonly showHiddenMetricsForVersion: string;
  readonly windowsRunAsService: boolean;
  readonly "winkernel.enableDSR": boolean;
  readonly "winkernel.forwardHealthCheckVip": boolean;
  readonly "winkernel.networkName": string;
  readonly "winkernel.rootHnsEndpointName": string;
  readonly "winkernel.sourceVip": string;
}

export type FieldPath = keyof FieldValues;

export interface Field<V> {
  readonly kind: Kind<V>;
  readonly flag?: string;
  readonly short?: string;
  /** Holds when the file or the flags do not say otherwise. */
  readonly fallback: V;
  /** A pointer in Go: its zero value is a wish like any other, and only null or nothing is the default. */
  readonly pointer?: true;
  /** Not written when it is zero. */
  readonly omitEmpty?: true;
  readonly help: string;
  /** For a field that we take and do not follow: what happens instead. */
  readonly instead?: string;
  /** Where we differ from kube-proxy on purpose. */
  readonly differs?: string;
  /** Whether its flag is heard beside `--config`, as kube-proxy hears it. */
  readonly besideFile?: true;
}

export type Fields<P extends FieldPath> = { readonly [Path in P]: Field<FieldValues[Path]> };
