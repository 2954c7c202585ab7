import { existsSync } from "node:fs";
import { type Exec, type ExecResult, ProgramMissingError } from "../../../../../src/kernel/index.ts";
import { cidrContains, parseCidr, parseIp } from "../../../../../src/net/index.ts";
import type { ContainerProgram } from "../../choice.ts";
import { type Parsed, parseArguments, SyntaxComplaint } from "./arguments.ts";
import { FakeContainer, type Spec } from "./container.ts";
import { parseMount } from "./mount.ts";
import { commands } from "./syntax.ts";
import { type Refusal, type Texts, textsOf } from "./texts.ts";

interface FakeNetwork {
  readonly v4: string;
  readonly v6?: string;
  /** Somebody wrote the subnets down. */
  readonly configured: boolean;
}

/** The prefixes that addresses are counted in. */
const v4 = "172.18.0.";
const v6 = "fc00:f853:ccd:e793::";

/** Thrown where the real one ends with a message. */
class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.stderr);
    this.refusal = refusal;
  }
}

/**
 * Docker or Podman as far as the engine speaks to them: strict about what it is told, and with their words where it
 * refuses. What the client alone refuses was recorded from Docker 28.2.2; the rest follows their sources. For tests only.
 */
export class FakeContainers {
  readonly program: ContainerProgram;
  readonly exec: Exec;
  readonly containers: Map<string, FakeContainer> = new Map();
  readonly networks: Map<string, FakeNetwork> = new Map([
    ["kind", { v4: `${v4}0/16`, v6: `${v6}/64`, configured: false }],
  ]);
  readonly images: Set<string> = new Set(["berth:latest"]);
  /** Addresses that nodes have. */
  readonly taken: Set<string> = new Set([`${v4}1`, `${v4}2`, `${v6}1`, `${v6}2`]);
  /** The commands so far, without the program. */
  readonly asked: (readonly string[])[] = [];
  /** How many of them change something. */
  changes = 0;
  state: "up" | "down" | "forbidden" | "not installed" = "up";
  readonly #texts: Texts;
  #made = 0;

  constructor(program: ContainerProgram) {
    this.program = program;
    this.#texts = textsOf[program];
    this.exec = { run: async (asked, args) => this.#run(asked, args) };
  }

  /** The one container that there is. */
  get only(): FakeContainer {
    const [container, ...more] = this.containers.values();
    if (container === undefined || more.length > 0) throw new Error(`there are ${this.containers.size} containers`);
    return container;
  }

  /** Starts all again in this order, as the engine does after a reboot. */
  reboot(order: readonly FakeContainer[]): void {
    for (const container of order) container.end(255, "exited");
    for (const container of order) if (container.spec.restart !== "no") this.#boot(container);
  }

  #run(program: string, args: readonly string[]): ExecResult {
    if (program !== this.program || this.state === "not installed")
      throw new ProgramMissingError(program, new Error("ENOENT"));
    this.asked.push(args);
    const name = ["container", "network", "image"].includes(args[0] ?? "")
      ? args.slice(0, 2).join(" ")
      : (args[0] ?? "");
    const inspects = name.endsWith(" inspect");
    try {
      const stdout = this.#command(name, args.slice(name.split(" ").length));
      return { code: 0, stdout, stderr: "" };
    } catch (error) {
      if (error instanceof PartlyRefused) return { ...error.refusal, stdout: error.stdout };
      if (!(error instanceof Refused)) throw error;
      return { ...error.refusal, stdout: inspects ? "[]\n" : "" };
    }
  }

  #command(name: string, args: readonly string[]): string {
    const syntax = commands[name];
    if (syntax === undefined) throw new Error(`the fake does not know the command ${name}`);
    const parsed = this.#parse(name, args);
    if (this.state === "down") throw new Refused(this.#texts.down);
    if (this.state === "forbidden") throw new Refused(this.#texts.forbidden);
    for (const container of this.containers.values()) container.live();
    if (["create", "start", "stop", "rm"].includes(name)) this.changes++;
    switch (name) {
      case "create":
        return this.#create(parsed);
      case "start":
        return each(parsed, (container) => this.#start(this.#find(container)));
      case "stop":
        return each(parsed, (container) => this.#find(container).end(0, "exited"));
      case "rm":
        return each(parsed, (container) => this.#remove(this.#find(container), parsed.flags.has("force")));
      case "ps":
        return this.#ps(parsed);
      case "logs":
        return parsed.rest.map((container) => this.#find(container).log.trimEnd().split("\n").at(-1)).join("\n");
      case "container inspect":
        return this.#inspect(parsed.rest);
      case "network inspect":
        return JSON.stringify(parsed.rest.map((network) => this.#describeNetwork(network)));
      default:
        for (const image of parsed.rest) if (!this.images.has(image)) throw new Refused(this.#texts.noImage(image));
        return `${parsed.rest.map((image) => `sha256:${image}`).join("\n")}\n`;
    }
  }

  #parse(name: string, args: readonly string[]): Parsed {
    const syntax = commands[name];
    if (syntax === undefined) throw new Error(`the fake does not know the command ${name}`);
    try {
      const parsed = parseArguments(args, syntax);
      if (parsed.rest.length < syntax.minArguments) throw new SyntaxComplaint("arguments");
      const timeout = parsed.flags.get("timeout")?.[0];
      if (timeout !== undefined && !/^-?\d+$/.test(timeout))
        throw new SyntaxComplaint(
          `invalid argument "${timeout}" for "-t, --timeout" flag: strconv.ParseInt: parsing "${timeout}": invalid syntax`,
        );
      for (const mount of parsed.flags.get("mount") ?? []) parseMount(mount);
      for (const sysctl of parsed.flags.get("sysctl") ?? [])
        if (!/^net\.[^=]+=./.test(sysctl))
          throw new SyntaxComplaint(
            `invalid argument "${sysctl}" for "--sysctl" flag: sysctl '${sysctl}' is not allowed`,
          );
      return parsed;
    } catch (error) {
      if (!(error instanceof SyntaxComplaint)) throw error;
      throw new Refused(this.#texts.syntax(syntax.usage, error.message));
    }
  }

  #create({ flags, rest }: Parsed): string {
    const spec = specOf(flags, rest);
    const refuse = (why: string): never => {
      throw new Refused(this.#texts.notCreated(why));
    };
    if (flags.get("pull")?.[0] !== "never") throw new Error("the fake cannot pull");
    if (!this.images.has(spec.image)) refuse(this.#texts.unknownImage(spec.image));
    const holder = this.containers.get(spec.name);
    if (holder !== undefined) refuse(this.#texts.nameTaken(spec.name, holder.id));
    if (!existsSync(spec.mount.source)) refuse(this.#texts.noMountSource(spec.mount.source));
    if (!this.networks.has(spec.network) && this.program === "podman") refuse(this.#texts.unknownNetwork(spec.network));
    this.#checkRequested(spec, refuse);
    const container = new FakeContainer((++this.#made).toString(16).padStart(64, "0"), spec);
    this.containers.set(spec.name, container);
    return `${container.id}\n`;
  }

  #checkRequested({ network, requested }: Spec, refuse: (why: string) => never): void {
    const found = this.networks.get(network);
    if (found === undefined || requested.length === 0) return;
    if (!found.configured && this.#texts.subnetNotConfigured !== undefined) refuse(this.#texts.subnetNotConfigured);
    const prefixes = [found.v4, found.v6 ?? ""].flatMap((text) => parseCidr(text) ?? []);
    for (const address of requested) {
      const ip = parseIp(address);
      if (ip === undefined || !prefixes.some((prefix) => cidrContains(prefix, ip)))
        refuse(this.#texts.addressOutside(address));
    }
  }

  #start(container: FakeContainer): void {
    if (container.status === "running") return;
    if (!existsSync(container.spec.mount.source))
      throw new Refused(
        this.#texts.notStarted(container.spec.name, this.#texts.noMountSource(container.spec.mount.source)),
      );
    this.#boot(container);
    container.live();
  }

  #boot(container: FakeContainer): void {
    const { name, network, requested } = container.spec;
    const found = this.networks.get(network);
    if (found === undefined) throw new Refused(this.#texts.notStarted(name, this.#texts.unknownNetwork(network)));
    const used = new Set([
      ...this.taken,
      ...[...this.containers.values()].flatMap(({ addresses }) => addresses.map((text) => text.replace(/\/.*/, ""))),
    ]);
    const give = (wanted: string | undefined, prefix: string): string => {
      if (wanted !== undefined && used.has(wanted))
        throw new Refused(this.#texts.notStarted(name, this.#texts.addressTaken(wanted)));
      for (let i = 2; ; i++) {
        const address = wanted ?? `${prefix}${prefix === v6 ? i.toString(16) : i}`;
        if (!used.has(address)) return address;
      }
    };
    const wanted4 = requested.find((address) => !address.includes(":"));
    const wanted6 = requested.find((address) => address.includes(":"));
    container.addresses = [`${give(wanted4, v4)}/16`, ...(found.v6 === undefined ? [] : [`${give(wanted6, v6)}/64`])];
    container.status = "running";
  }

  #remove(container: FakeContainer, force: boolean): void {
    const { name } = container.spec;
    if (container.status === "running" && !force) throw new Refused(this.#texts.isRunning(name, container.id));
    this.containers.delete(name);
  }

  #ps({ flags }: Parsed): string {
    const filters = (flags.get("filter") ?? []).map((text) => [text.replace(/=.*/s, ""), text.replace(/^[^=]*=/, "")]);
    const shown = [...this.containers.values()].filter(
      (container) =>
        (flags.has("all") || filters.some(([key]) => key === "status") || container.status === "running") &&
        filters.every(([key, value = ""]) => matches(container, key, value)),
    );
    const format = flags.get("format")?.[0];
    if (format !== undefined && format !== "{{.Names}}") throw new Error(`the fake does not know the format ${format}`);
    if (format === undefined && !flags.has("quiet")) throw new Error("the fake prints no tables");
    return shown.map(({ id, spec }) => `${format === undefined ? shortened(id, flags) : spec.name}\n`).join("");
  }

  #inspect(names: readonly string[]): string {
    const found = names.flatMap((name) => this.#lookUp(name) ?? []);
    const stdout = JSON.stringify(found.map((container) => container.describe(this.program === "docker")));
    const missing = names.find((name) => this.#lookUp(name) === undefined);
    if (missing !== undefined) throw new PartlyRefused(this.#texts.noContainer(missing), stdout);
    return stdout;
  }

  #describeNetwork(name: string): object {
    const network = this.networks.get(name);
    if (network === undefined) throw new Refused(this.#texts.noNetwork(name));
    const ipv6 = network.v6 !== undefined;
    return this.program === "docker"
      ? { Name: name, Driver: "bridge", EnableIPv4: true, EnableIPv6: ipv6, IPAM: { Config: [{ Subnet: network.v4 }] } }
      : { name, driver: "bridge", ipv6_enabled: ipv6, subnets: [{ subnet: network.v4 }] };
  }

  #find(name: string): FakeContainer {
    const container = this.#lookUp(name);
    if (container === undefined) throw new Refused(this.#texts.noContainer(name));
    return container;
  }

  #lookUp(name: string): FakeContainer | undefined {
    return this.containers.get(name) ?? [...this.containers.values()].find(({ id }) => id.startsWith(name));
  }
}

/** What was found is printed although something was not. */
class PartlyRefused extends Error {
  readonly refusal: Refusal;
  readonly stdout: string;

  constructor(refusal: Refusal, stdout: string) {
    super(refusal.stderr);
    this.refusal = refusal;
    this.stdout = stdout;
  }
}

function specOf(flags: Parsed["flags"], [image = "", ...args]: readonly string[]): Spec {
  const one = (flag: string): string => flags.get(flag)?.[0] ?? "";
  const pairs = (flag: string): Record<string, string> =>
    Object.fromEntries((flags.get(flag) ?? []).map((text) => [text.replace(/=.*/s, ""), text.replace(/^[^=]*=?/, "")]));
  return {
    name: one("name"),
    image,
    args,
    labels: pairs("label"),
    restart: one("restart"),
    network: one("network"),
    requested: [...(flags.get("ip") ?? []), ...(flags.get("ip6") ?? [])],
    capabilities: flags.get("cap-add") ?? [],
    sysctls: pairs("sysctl"),
    mount: parseMount(one("mount")),
  };
}

function matches({ spec, status }: FakeContainer, key: string | undefined, value: string): boolean {
  if (key === "status") return status === value;
  if (key !== "label") throw new Error(`the fake does not know the filter ${key}`);
  const [label = "", ...wanted] = value.split("=");
  return spec.labels[label] !== undefined && (wanted.length === 0 || spec.labels[label] === wanted.join("="));
}

function shortened(id: string, flags: Parsed["flags"]): string {
  return flags.has("no-trunc") ? id : id.slice(0, 12);
}

function each({ rest }: Parsed, act: (name: string) => void): string {
  for (const name of rest) act(name);
  return `${rest.join("\n")}\n`;
}
