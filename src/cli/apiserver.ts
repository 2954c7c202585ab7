// `berth apiserver`: the embedded Kubernetes API server as a process of its own.
import { type Command, Option } from "commander";
import { type ApiServerOptions, type ListenAddress, startApiServer } from "../../sandbox/apiserver/index.ts";
import { UsageError, untilAbort } from "../base/index.ts";
import { type Cidr, cidrSize, formatCidr, formatPortRange, type PortRange, parseIp } from "../net/index.ts";
import type { Process } from "./command.ts";
import { collectCidrs, parseHostPort, parsePortRangeFlag } from "./flags.ts";

interface Flags {
  readonly listen?: readonly ListenAddress[];
  readonly serviceCidr: readonly Cidr[];
  readonly nodePortRange: PortRange;
  readonly kubeconfigOut?: string;
  readonly state?: string;
  readonly advertiseAddress?: string;
  readonly tlsSan?: readonly string[];
}

const defaultNodePorts: PortRange = { first: 30_000, last: 32_767 };

const parseTcp = parseHostPort("--listen");

function collectListen(text: string, before: readonly ListenAddress[] = []): readonly ListenAddress[] {
  return [...before, parseListen(text)];
}

function parseListen(text: string): ListenAddress {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    if (path === "")
      throw new UsageError("--listen: unix: needs the path of a socket, such as unix:/run/berth/api.sock");
    return { scheme: "unix", path };
  }
  const isPlain = text.startsWith("http://");
  return { scheme: isPlain ? "http" : "https", ...parseTcp(text.replace(/^https?:\/\//, "")) };
}

function parseAddress(text: string): string {
  if (parseIp(text) === undefined)
    throw new UsageError(`--advertise-address: ${JSON.stringify(text)} is no address; give an IP, such as 10.0.0.1`);
  return text;
}

export function define(command: Command, process: Process): void {
  command
    .option(
      "--listen <address>",
      "HOST:PORT (HTTPS), http://HOST:PORT or unix:PATH; repeatable (default: a free port on 127.0.0.1)",
      collectListen,
    )
    .requiredOption(
      "--service-cidr <cidrs>",
      "ClusterIP range, or one per family; required",
      collectCidrs("--service-cidr"),
    )
    .addOption(
      new Option("--node-port-range <range>", "ports for NodePort Services")
        .argParser(parsePortRangeFlag("--node-port-range"))
        .default(defaultNodePorts, formatPortRange(defaultNodePorts)),
    )
    .option("--kubeconfig-out <file>", "write a kubeconfig for the first HTTPS address")
    .option("--state <file>", "load objects from this file and keep them there")
    .option("--advertise-address <ip>", "address in the endpoints of default/kubernetes", parseAddress)
    .option("--tls-san <name>", "one more name or address in the certificate; repeatable", collect)
    .action((flags: Flags) => run(flags, process));
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

async function run(flags: Flags, { signal, stdout }: Process): Promise<void> {
  await using server = await startApiServer(optionsOf(flags));
  stdout.write(`ready ${server.urls.join(" ")}\n`);
  await untilAbort(signal);
}

function optionsOf(flags: Flags): ApiServerOptions {
  const { serviceCidr } = flags;
  for (const cidr of serviceCidr)
    if (cidrSize(cidr) < 4n)
      throw new UsageError(`--service-cidr: ${formatCidr(cidr)} is too small; give at least 4 addresses`);
  const families = new Set(serviceCidr.map(({ base }) => base.family));
  if (families.size !== serviceCidr.length)
    throw new UsageError("--service-cidr: give one prefix, or one IPv4 and one IPv6 prefix");
  return {
    listen: flags.listen ?? [{ scheme: "https", host: "127.0.0.1", port: 0 }],
    serviceCidrs: serviceCidr,
    nodePorts: flags.nodePortRange,
    ...(flags.tlsSan === undefined ? {} : { tlsNames: flags.tlsSan }),
    ...(flags.advertiseAddress === undefined ? {} : { advertiseAddress: flags.advertiseAddress }),
    ...(flags.kubeconfigOut === undefined ? {} : { kubeconfigFile: flags.kubeconfigOut }),
    ...(flags.state === undefined ? {} : { stateFile: flags.state }),
  };
}
