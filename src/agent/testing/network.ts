import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { addNetns, deleteNetns, type Exec, execOk, ipBatch, netnsExec, netnsPath } from "../../kernel/index.ts";

/**
 * A node with two pods behind it and a client before it, each a network namespace of its own:
 * client 192.0.2.2 -- 192.0.2.1 node 10.244.1.1 -- bridge -- pods 10.244.1.2, 10.244.1.3; the same with fd00::/16.
 */
export class Network implements AsyncDisposable {
  readonly #host: Exec;
  readonly #prefix = `bt-agent-${randomBytes(3).toString("hex")}`;
  readonly #children: ChildProcess[] = [];

  constructor(host: Exec) {
    this.#host = host;
  }

  name(member: string): string {
    return `${this.#prefix}-${member}`;
  }

  exec(member: string): Exec {
    return netnsExec(this.#host, this.name(member));
  }

  async create(signal: AbortSignal): Promise<void> {
    const options = { signal };
    for (const member of ["node", "client", "pod-1", "pod-2"]) await addNetns(this.#host, this.name(member), options);
    const path = (member: string): string => netnsPath(this.name(member));
    await ipBatch(
      this.exec("node"),
      [
        "link set lo up",
        "link add br0 type bridge",
        "addr add 10.244.1.1/24 dev br0",
        "addr add fd00:244:1::1/64 dev br0 nodad",
        `link add client type veth peer name eth0 netns ${path("client")}`,
        "addr add 192.0.2.1/24 dev client",
        "addr add fd00:c::1/64 dev client nodad",
        "link set client up",
        "link set br0 up",
        "route add 0.0.0.0/0 via 192.0.2.2",
        "route add ::/0 via fd00:c::2",
        ...[1, 2].flatMap((n) => [
          `link add pod${n} type veth peer name eth0 netns ${path(`pod-${n}`)}`,
          `link set pod${n} master br0 up`,
          // As CNI plug-ins do: with br_netfilter a packet to oneself is turned round in the bridge.
          `link set pod${n} type bridge_slave hairpin on`,
        ]),
      ],
      options,
    );
    await execOk(
      this.exec("node"),
      "sysctl",
      ["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"],
      options,
    );
    await this.#address("client", "192.0.2.2/24", "192.0.2.1", "fd00:c::2/64", "fd00:c::1", signal);
    for (const n of [2, 3])
      await this.#address(
        `pod-${n - 1}`,
        `10.244.1.${n}/24`,
        "10.244.1.1",
        `fd00:244:1::${n}/64`,
        "fd00:244:1::1",
        signal,
      );
  }

  async #address(
    member: string,
    v4: string,
    via4: string,
    v6: string,
    via6: string,
    signal: AbortSignal,
  ): Promise<void> {
    await ipBatch(
      this.exec(member),
      [
        "link set lo up",
        `addr add ${v4} dev eth0`,
        `addr add ${v6} dev eth0 nodad`,
        "link set eth0 up",
        `route add 0.0.0.0/0 via ${via4}`,
        `route add ::/0 via ${via6}`,
      ],
      { signal },
    );
  }

  /** Answers TCP and UDP on port 8080 of a pod with `pod client-address`. Resolves when it listens. */
  async serve(pod: string): Promise<void> {
    const script = `
      const reply = (address) => ${JSON.stringify(pod)} + " " + address.replace("::ffff:", "");
      const udp = require("node:dgram").createSocket("udp6");
      udp.on("message", (_, from) => udp.send(reply(from.address), from.port, from.address));
      udp.bind(8080, () => require("node:net").createServer((socket) => {
        socket.on("error", () => {});
        socket.end(reply(socket.remoteAddress));
      }).listen(8080, "::", () => console.log("ready")));`;
    const child = this.#spawn(pod, script);
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`server of ${pod} ended with ${code}`)));
    });
  }

  /** What a TCP server answers to a member; the error code when there is no connection. */
  async tcp(member: string, host: string, port: number, signal: AbortSignal): Promise<string> {
    return this.#ask(
      member,
      `const socket = require("node:net").connect(${port}, ${JSON.stringify(host)});
      socket.on("data", (data) => process.stdout.write(data)).on("error", (error) => console.log(error.code));
      setTimeout(() => { console.log("timeout"); process.exit(); }, 3000).unref();`,
      signal,
    );
  }

  /** What a UDP server answers to a datagram from a fixed port of the member. */
  async udp(member: string, host: string, port: number, from: number, signal: AbortSignal): Promise<string> {
    return this.#ask(
      member,
      `const socket = require("node:dgram").createSocket(${JSON.stringify(host.includes(":") ? "udp6" : "udp4")});
      socket.on("message", (data) => { process.stdout.write(data); process.exit(); });
      socket.on("error", (error) => { console.log(error.code); process.exit(); });
      socket.bind(${from}, () => socket.connect(${port}, ${JSON.stringify(host)}, () => socket.send("hello")));
      setTimeout(() => { console.log("timeout"); process.exit(); }, 1500);`,
      signal,
    );
  }

  async #ask(member: string, script: string, signal: AbortSignal): Promise<string> {
    return (await execOk(this.exec(member), process.execPath, ["-e", script], { signal })).trim();
  }

  #spawn(member: string, script: string): ChildProcess {
    const args = [`--net=${netnsPath(this.name(member))}`, "--", process.execPath, "-e", script];
    const child = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#children.push(child);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      const ended = child.exitCode !== null || new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    }
    const options = { signal: AbortSignal.timeout(10_000) };
    for (const member of ["node", "client", "pod-1", "pod-2"])
      await deleteNetns(this.#host, this.name(member), options).catch(() => {});
  }
}
