import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addNetns,
  deleteNetns,
  type Exec,
  type ExecResult,
  execOk,
  type Flavour,
  findIptables,
  inputText,
  systemExec,
} from "../src/kernel/index.ts";
import {
  type Architecture,
  entrypoint,
  environment,
  type ImageName,
  images,
  type LayerName,
  layers,
  version,
} from "./contents.ts";
import { entriesOf, tarOf } from "./tar.ts";

const main = new URL("main.ts", import.meta.url).pathname;
const exec = systemExec({ PATH: process.env["PATH"] });
const { signal } = new AbortController();
const architecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64";
const other: Architecture = architecture === "arm64" ? "amd64" : "arm64";
const patience = 1_200_000;

const directory = mkdtempSync(join(tmpdir(), "berth-images-test-"));
const built = join(directory, "built");

beforeAll(async () => {
  await execOk(exec, process.execPath, [main, "archives", built, architecture, other], { signal });
}, patience);
afterAll(() => rmSync(directory, { recursive: true }));

async function unpack(archive: string, target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  await execOk(exec, "tar", ["--extract", `--file=${archive}`, `--directory=${target}`], { signal });
}

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

it("there is an archive of each image for each architecture, and nothing else is left", () => {
  const names = Object.keys(images).flatMap((name) => [architecture, other].map((one) => `${name}-${one}.tar`));
  expect(readdirSync(built).sort()).toEqual(names.sort());
});

describe.each(Object.keys(images))("%s", (name) => {
  it.each([architecture, other])("is an OCI layout of %s in which every digest is right", async (wanted) => {
    const layout = join(directory, `${name}-${wanted}`);
    await unpack(join(built, `${name}-${wanted}.tar`), layout);
    const json = (path: string): any => JSON.parse(readFileSync(join(layout, path), "utf8"));
    const blob = ({ digest, size }: { digest: string; size: number }): Buffer => {
      const bytes = readFileSync(join(layout, "blobs", digest.replace(":", "/")));
      expect([sha256(bytes), bytes.length]).toEqual([digest, size]);
      return bytes;
    };
    expect(json("oci-layout")).toEqual({ imageLayoutVersion: "1.0.0" });
    const [only, ...more] = json("index.json").manifests;
    expect(more).toEqual([]);
    expect(only).toMatchObject({
      platform: { architecture: wanted, os: "linux" },
      annotations: { "io.containerd.image.name": `docker.io/library/${name}:${version}` },
    });
    const manifest = JSON.parse(blob(only).toString());
    const config = JSON.parse(blob(manifest.config).toString());
    expect(config).toMatchObject({ architecture: wanted, os: "linux", config: { Entrypoint: entrypoint } });
    expect(manifest.layers.map((layer: any) => sha256(gunzipSync(blob(layer))))).toEqual(config.rootfs.diff_ids);
    const paths = [manifest.config, ...manifest.layers].map(({ digest }) => `blobs/${digest.replace(":", "/")}`);
    const [Config, ...Layers] = paths;
    expect(json("manifest.json")).toEqual([{ Config, RepoTags: [`${name}:${version}`], Layers }]);
  });
});

describe("what is in an image", () => {
  const laid = join(directory, "laid");
  const netns = `berth-images-${process.pid}`;

  beforeAll(async () => {
    await execOk(exec, process.execPath, [main, "layers", laid, architecture], { signal });
    for (const [name, image] of Object.entries(images))
      for (const layer of [...image.layers, name]) {
        mkdirSync(join(directory, "root", name), { recursive: true });
        const target = join(directory, "root", name);
        await execOk(exec, "cp", ["--archive", `${join(laid, layer)}/.`, target], { signal });
      }
    await addNetns(exec, netns, { signal });
  }, patience);
  afterAll(async () => await deleteNetns(exec, netns, { signal }));

  /** As a pod does: nobody can write the root file system, and the agent has the capabilities that the chart gives. */
  async function run(name: ImageName, command: readonly string[], stdin = ""): Promise<ExecResult> {
    const root = join(directory, "root", name);
    const mounts =
      'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; mount -t tmpfs run "$1/run"; mount -t proc proc "$1/proc"';
    const unshare = ["unshare", "--mount", "sh", "-euc", `${mounts}; shift; exec "$@"`, "sh", root];
    const capabilities = ["setpriv", "--bounding-set=-all,+net_admin,+net_raw", "--"];
    const inside = [
      `--userspec=${images[name].user}`,
      root,
      ...(name === "berth-agent" ? capabilities : []),
      ...command,
    ];
    // The image's directories are among the machine's, on which the way into it is found.
    return await systemExec({ ...environment, PATH: `${environment["PATH"]}:/sbin:/bin` }).run(
      "ip",
      ["netns", "exec", netns, ...unshare, "chroot", ...inside],
      { signal, stdin },
    );
  }

  const inAgent: Exec = {
    run: async (program, args, { stdin }) => await run("berth-agent", [program, ...args], inputText(stdin)),
  };

  it.each<[ImageName, readonly string[]]>([
    ["berth-agent", ["agent", "balancer", "trace", "explain"]],
    ["berth-controller", ["controller", "explain"]],
  ])("%s starts each of its commands", async (name, commands) => {
    for (const command of commands)
      expect(await run(name, ["berth", command, "--help"])).toMatchObject({ code: 0, stderr: "" });
    expect((await run(name, ["berth", "sandbox"])).code).toBe(2);
  });

  it("the agent is of this version, and the controller reads files of configuration", async () => {
    expect((await run("berth-agent", ["berth", "agent", "--version"])).stdout).toContain(`v${version} `);
    const config = JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      contexts: [{ name: "known", context: { cluster: "c", user: "u" } }],
    });
    writeFileSync(join(directory, "root/berth-controller/kubeconfig"), config);
    const { stderr } = await run("berth-controller", [
      "berth",
      "explain",
      "service/web",
      "--kubeconfig",
      "/kubeconfig",
    ]);
    expect(stderr).toContain('no context ""; it defines known');
  });

  it.each(Object.keys(images) as ImageName[])("%s writes nothing to its root", async (name) => {
    const { stderr } = await run(name, ["node", "--eval", "require('fs').writeFileSync('/tmp/file', '')"]);
    expect(stderr).toContain("EROFS");
  });

  it("the controller is nobody in particular and has no tools", async () => {
    const script =
      "console.log(process.getuid(), process.argv[1].split(':').flatMap((p) => fs.readdirSync(p)).sort().join())";
    expect((await run("berth-controller", ["node", "--eval", script, environment["PATH"] ?? ""])).stdout).toBe(
      "65532 berth,node\n",
    );
  });

  it.each<Flavour | undefined>([undefined, "legacy", "nft"])(
    "the agent takes the iptables in which kubelet's chain is: %s",
    async (flavour) => {
      const restore = flavour === undefined ? undefined : `iptables-${flavour}-restore`;
      const chain = "*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n";
      if (restore !== undefined) expect((await run("berth-agent", [restore], chain)).code).toBe(0);
      const found = await findIptables(inAgent, signal);
      expect([found.flavour, found.version.flavour]).toEqual([flavour, flavour ?? "nft"]);
    },
  );

  it.each(["nft", "legacy"])("rules of %s have the extensions that a service proxy wants", async (flavour) => {
    const rules = [
      "-m comment --comment x -m statistic --mode random --probability 0.5 -j MARK --set-xmark 0x4000/0x4000",
      "-m recent --name x --rcheck --seconds 9 --reap -j ACCEPT",
      "-p tcp -m addrtype --dst-type LOCAL -m tcp --dport 80 -j DNAT --to-destination ADDRESS",
      "-m conntrack --ctstate DNAT -m mark --mark 0x1 -j MASQUERADE --random-fully",
    ];
    for (const [family, address] of [
      ["iptables", "192.0.2.1:80"],
      ["ip6tables", "[2001:db8::1]:80"],
    ] as const) {
      const lines = rules
        .map((rule) => `-A ${rule.includes("MASQ") ? "POSTROUTING" : "PREROUTING"} ${rule}`)
        .join("\n");
      const text = `*nat\n${lines.replace("ADDRESS", address)}\nCOMMIT\n`;
      expect(await run("berth-agent", [`${family}-${flavour}-restore`], text)).toMatchObject({ code: 0, stderr: "" });
    }
  });

  it.each([
    ["nft", "list", "ruleset"],
    ["conntrack", "-L"],
    ["nfacct", "list"],
    ["ip", "-j", "addr"],
    ["modprobe", "--version"],
  ])("the agent has %s", async (...command) => {
    expect((await run("berth-agent", command)).code).toBe(0);
  });

  it.each(Object.keys(layers) as LayerName[])(
    "making %s again gives the same bytes, and each of its packages is used",
    async (name) => {
      const hash = createHash("sha256");
      for await (const chunk of tarOf(await entriesOf(join(laid, name)))) hash.update(chunk);
      const index = Object.keys(layers).indexOf(name);
      const config = JSON.parse(
        readFileSync(join(directory, `berth-agent-${architecture}`, "manifest.json"), "utf8"),
      )[0].Config;
      const { rootfs } = JSON.parse(readFileSync(join(directory, `berth-agent-${architecture}`, config), "utf8"));
      expect(`sha256:${hash.digest("hex")}`).toBe(rootfs.diff_ids[index]);
      const used = readdirSync(join(laid, name, "var/lib/dpkg/status.d"));
      expect(used.sort()).toEqual(layers[name].packages.map((one) => one.name).sort());
    },
  );
});
