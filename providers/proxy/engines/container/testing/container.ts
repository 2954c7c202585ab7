import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseBalancerConfig, renderBalancerStatus, textHash } from "../../../../../src/balancer/config.ts";

/** What `create` was told. */
export interface Spec {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly restart: string;
  readonly network: string;
  readonly requested: readonly string[];
  readonly capabilities: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly mount: { readonly source: string; readonly target: string };
}

/** A container of the fake, with a stand-in for the balancer in it. */
export class FakeContainer {
  readonly id: string;
  readonly spec: Spec;
  status: "created" | "running" | "restarting" | "exited" = "created";
  exitCode = 0;
  log = "";
  /** `address/prefix`, while it runs. */
  addresses: readonly string[] = [];
  /** What the balancer does instead of its work. */
  crashes: string | undefined;
  /** Somebody took it off its network. */
  connected = true;

  constructor(id: string, spec: Spec) {
    this.id = id;
    this.spec = spec;
  }

  /** Time passes: the balancer does what it has to do. */
  live(): void {
    if (this.status !== "running") return;
    const { source } = this.spec.mount;
    if (this.crashes !== undefined) {
      this.end(1, "restarting");
      this.log += `${this.crashes}\n`;
      return;
    }
    // It ends with its directory, and cannot be started again without one.
    if (!existsSync(source)) return this.end(0, "exited");
    const path = join(source, "config.json");
    if (!existsSync(path)) return;
    const text = readFileSync(path, "utf8");
    const targets = parseBalancerConfig(text, path).targets.map(({ name }) => ({
      name,
      healthy: true,
      reason: "answers",
    }));
    const status = renderBalancerStatus({ applied: textHash(text), targets });
    const file = join(source, "status.json");
    if (!existsSync(file) || readFileSync(file, "utf8") !== status) writeFileSync(file, status);
  }

  end(exitCode: number, status: "restarting" | "exited"): void {
    this.status = status;
    this.exitCode = exitCode;
    this.addresses = [];
  }

  /** As `container inspect` prints it, as far as anybody here reads it. */
  describe(slash: boolean): object {
    const { name, image, labels, restart, network, capabilities, sysctls, mount } = this.spec;
    const [v4 = "", v6 = ""] = [this.#address(false), this.#address(true)];
    const endpoint = {
      IPAMConfig: {},
      IPAddress: v4.replace(/\/.*/, ""),
      IPPrefixLen: Number(v4.split("/")[1] ?? 0),
      GlobalIPv6Address: v6.replace(/\/.*/, ""),
      GlobalIPv6PrefixLen: Number(v6.split("/")[1] ?? 0),
    };
    return {
      Id: this.id,
      Name: slash ? `/${name}` : name,
      State: {
        Status: this.status,
        Running: this.status === "running" || this.status === "restarting",
        Paused: false,
        Restarting: this.status === "restarting",
        ExitCode: this.exitCode,
        Error: "",
      },
      Config: { Image: image, Labels: labels, Cmd: this.spec.args },
      HostConfig: {
        RestartPolicy: { Name: restart, MaximumRetryCount: 0 },
        NetworkMode: network,
        CapAdd: capabilities,
        Sysctls: sysctls,
      },
      // Docker Desktop tells another source.
      Mounts: [{ Type: "bind", Source: `/host_mnt${mount.source}`, Destination: mount.target, RW: true }],
      NetworkSettings: { Networks: this.connected ? { [network]: endpoint } : {} },
    };
  }

  #address(v6: boolean): string | undefined {
    return this.addresses.find((address) => address.includes(":") === v6);
  }
}
