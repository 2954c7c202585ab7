// `berth trace`: one packet and the rules of this node (or a dump of another's) -> what becomes of it, and by which
// rules. Reads only.
import { readFile } from "node:fs/promises";
import { text as textOf } from "node:stream/consumers";
import { type Command, Option } from "commander";
import { errorMessage, FailureError, UsageError } from "../base/index.ts";
import {
  type Exec,
  findIptables,
  Iptables,
  listLinks,
  listRoutes,
  parseIptablesSave,
  routeDevice,
  type SavedTables,
  systemExec,
} from "../kernel/index.ts";
import { type Family, formatIp, type Ip, parseIp, withPort } from "../net/index.ts";
import {
  compileRules,
  formatTrace,
  type Packet,
  type Trace,
  type TracedNode,
  TraceError,
  trace,
} from "../trace/index.ts";
import type { Process } from "./command.ts";

interface Flags {
  readonly from: Source;
  readonly to: Destination;
  readonly interface?: string;
  readonly rules?: string;
  readonly nodeAddresses?: readonly Ip[];
  readonly known?: string;
  readonly skipForeign: boolean;
  readonly output: "text" | "json";
}

interface Source {
  readonly ip: Ip;
  readonly port: number | undefined;
}

interface Destination {
  readonly ip: Ip;
  readonly port: number;
  readonly protocol: string;
}

export function define(command: Command, process: Process): void {
  command
    .addHelpText("after", helpText)
    .requiredOption("--from <address[:port]>", "who sends", parseSource)
    .requiredOption("--to <address:port[/protocol]>", "to whom; tcp, udp or sctp, tcp by default", parseDestination)
    .option("--interface <name>", "through which it arrives (by default as the main routing table leads to its source)")
    .option("--rules <file>", "output of iptables-save to read, - for standard input (by default this node's rules)")
    .option(
      "--node-addresses <addresses>",
      "addresses of the node that the rules are of (by default those of this machine)",
      parseAddresses,
    )
    .option("--known <list>", "a list of xt_recent on which the sender is: for session affinity, KUBE-SEP-...")
    .option("--skip-foreign", "take rules of others that nobody can evaluate as not matching, and list them", false)
    .addOption(new Option("--output <format>", "for people or for programs").choices(["text", "json"]).default("text"))
    .action((flags: Flags) => run(flags, process));
}

const helpText = `
A packet from one of the node's own addresses starts on the node, unless --interface says otherwise.
Examples:
  berth trace --from 10.244.1.7 --to 10.96.0.10:53/udp
  berth trace --from 203.0.113.9 --to 192.168.0.2:30080 --interface eth0 --output json
  iptables-save | berth trace --from 203.0.113.9 --to 192.168.0.2:30080 --rules - --node-addresses 192.168.0.2`;

async function run(flags: Flags, process: Process): Promise<void> {
  const { from, to, output } = flags;
  const { family } = to.ip;
  if (from.ip.family !== family)
    throw new UsageError(`--from: ${formatIp(from.ip)} is no ${family} address as --to is; give two of one family`);
  const setting = await readSetting(flags, systemExec(process.environment), process.signal);
  const packet: Packet = {
    source: formatIp(from.ip),
    destination: formatIp(to.ip),
    protocol: to.protocol,
    port: to.port,
    ...(from.port !== undefined && { sourcePort: from.port }),
    ...(setting.input !== undefined && { interface: setting.input }),
  };
  const result = traceOrExplain(setting, packet, flags);
  const { addresses } = setting.node;
  process.stdout.write(
    output === "json"
      ? `${JSON.stringify({ packet, nodeAddresses: addresses, ...result }, null, 2)}\n`
      : `${packetText(packet)}\nnode addresses: ${addresses.join(", ")}\n\n${formatTrace(result)}`,
  );
}

/** What the packet meets. */
interface Setting {
  readonly rules: SavedTables;
  readonly node: TracedNode;
  /** Through which it arrives; undefined when it starts here, or when nobody can tell. */
  readonly input: string | undefined;
}

async function readSetting(flags: Flags, exec: Exec, signal: AbortSignal): Promise<Setting> {
  const { from, to, rules: file, nodeAddresses } = flags;
  const { family } = to.ip;
  const addresses = nodeAddresses?.map(formatIp) ?? (await ownAddresses(exec, family, signal));
  if (file !== undefined) return { rules: await readDump(file, family), node: { addresses }, input: flags.interface };
  const { exec: tools } = await findIptables(exec, signal);
  const rules = await new Iptables(tools, family).save(signal);
  const routes = await listRoutes(exec, family, { signal });
  const interfaceTo = (address: string): string | undefined => routeDevice(routes, address);
  const source = formatIp(from.ip);
  const input = flags.interface ?? (isOwn(from.ip, addresses) ? undefined : interfaceTo(source));
  return { rules, node: { addresses, interfaceTo }, input };
}

function isOwn(ip: Ip, addresses: readonly string[]): boolean {
  const text = formatIp(ip);
  return addresses.includes(text) || text.startsWith("127.") || text === "::1";
}

async function ownAddresses(exec: Exec, family: Family, signal: AbortSignal): Promise<string[]> {
  const links = await listLinks(exec, { signal });
  return links
    .flatMap(({ addresses }) => addresses.map(({ address }) => parseIp(address)))
    .flatMap((ip) => (ip?.family === family ? [formatIp(ip)] : []));
}

async function readDump(file: string, family: Family): Promise<SavedTables> {
  const where = file === "-" ? "standard input" : file;
  const text = await (file === "-" ? textOf(process.stdin) : readFile(file, "utf8")).catch((error: unknown) => {
    throw new UsageError(`--rules: ${errorMessage(error)}; give a readable file, or - for standard input`);
  });
  const remedy = `give the output of ${family === "IPv4" ? "iptables-save" : "ip6tables-save"}`;
  let tables: SavedTables;
  try {
    tables = parseIptablesSave(text);
  } catch (error) {
    throw new UsageError(`--rules: ${where}: ${errorMessage(error)}; ${remedy}`);
  }
  if (tables.size === 0) throw new UsageError(`--rules: ${where} holds no table; ${remedy}`);
  const other = foreignAddress(tables, family);
  if (other !== undefined)
    throw new UsageError(`--rules: ${where} is of another family than --to (it names ${other}); ${remedy}`);
  return tables;
}

/** An address of the other family in a rule. Without this check nothing would match, and the answer be wrong. */
function foreignAddress(tables: SavedTables, family: Family): string | undefined {
  for (const chains of tables.values())
    for (const { rules } of chains.values())
      for (const rule of rules) {
        const address = / -[sd] ([0-9a-fA-F.:]+)/.exec(` ${rule}`)?.[1] ?? "";
        const ip = parseIp(address);
        if (ip !== undefined && ip.family !== family) return address;
      }
  return undefined;
}

function traceOrExplain({ rules, node }: Setting, packet: Packet, { known, skipForeign }: Flags): Trace {
  try {
    return trace(compileRules(rules), node, packet, { skipForeign, ...(known !== undefined && { known }) });
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    throw new FailureError([error.message, ...remedies(error)].join("; "));
  }
}

function remedies({ unknown, foreign }: TraceError): string[] {
  const skip = foreign ? ["--skip-foreign takes the rule as not matching"] : [];
  if (unknown === "input interface") return ["give it with --interface NAME", ...skip];
  return unknown === "source port" ? ["give it with --from ADDRESS:PORT", ...skip] : skip;
}

function packetText({ protocol, source, sourcePort, destination, port, interface: input }: Packet): string {
  const from = sourcePort === undefined ? source : withPort(source, sourcePort);
  return `${protocol} ${from} -> ${withPort(destination, port)}${input === undefined ? "" : `, arriving through ${input}`}`;
}

function parseSource(text: string): Source {
  const plain = parseIp(text);
  if (plain !== undefined) return { ip: plain, port: undefined };
  const found = parseAddressPort(text);
  if (found === undefined)
    throw new UsageError(
      `--from: ${JSON.stringify(text)} is no address; give ADDRESS or ADDRESS:PORT, such as 10.0.0.9`,
    );
  return found;
}

const protocols: readonly string[] = ["tcp", "udp", "sctp"];

function parseDestination(text: string): Destination {
  const [address = "", protocol = "tcp", ...rest] = text.split("/");
  const found = parseAddressPort(address);
  if (found === undefined || !protocols.includes(protocol.toLowerCase()) || rest.length > 0)
    throw new UsageError(
      `--to: ${JSON.stringify(text)} is no destination; give ADDRESS:PORT or ADDRESS:PORT/PROTOCOL with tcp, udp or sctp, such as 10.96.0.10:53/udp or [fd00::a]:80`,
    );
  return { ...found, protocol: protocol.toLowerCase() };
}

function parseAddressPort(text: string): { readonly ip: Ip; readonly port: number } | undefined {
  const [, v6, v4, number] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const ip = parseIp(v6 ?? v4 ?? "");
  const port = Number(number);
  const bracketed = v6 !== undefined;
  return ip === undefined || bracketed !== (ip.family === "IPv6") || port < 1 || port > 65_535
    ? undefined
    : { ip, port };
}

function parseAddresses(text: string): readonly Ip[] {
  return text.split(",").map((part) => {
    const ip = parseIp(part.trim());
    if (ip === undefined)
      throw new UsageError(
        `--node-addresses: ${JSON.stringify(part)} is no address; give them with commas between, such as 192.168.0.2,fd00::2`,
      );
    return ip;
  });
}
