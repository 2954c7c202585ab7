// What is in the images: the one table, from which both the Dockerfile and `make images` take their layers.
import manifest from "../package.json" with { type: "json" };

/** As Docker, Debian and OCI call them. */
export type Architecture = "amd64" | "arm64";
export const architectures: readonly Architecture[] = ["amd64", "arm64"];

/** The release that the programs are from; its security updates are in every build. */
export const debianRelease = "trixie";

export interface DebianPackage {
  readonly name: string;
  /** Of `bin` and `sbin`, by name. Libraries come along as far as a program wants them. */
  readonly programs?: readonly string[];
  /** Files that programs look for by name, without the leading slash. */
  readonly files?: readonly string[];
}

/** Packages that are laid on top of one another; what an earlier layer has, a later one does not bring again. */
export interface Layer {
  readonly packages: readonly DebianPackage[];
  /** Libraries that programs load while they run, by soname. */
  readonly loaded?: readonly string[];
  /** Directories of plug-ins, below that of the libraries. */
  readonly plugins?: readonly string[];
  readonly links?: Readonly<Record<string, string>>;
}

const libraries = (...names: readonly string[]): readonly DebianPackage[] => names.map((name) => ({ name }));

/** All names under which one iptables program is called: `iptables-nft-save`. */
function iptablesNames(infix: string): readonly string[] {
  return ["iptables", "ip6tables"].flatMap((name) => ["", "-save", "-restore"].map((verb) => `${name}${infix}${verb}`));
}

/** What Node wants. */
const base: Layer = {
  packages: [
    { name: "base-files", files: ["usr/lib/os-release"] },
    ...libraries("libc6", "libgcc-s1", "libstdc++6", "libatomic1", "gcc-14-base"),
  ],
};

/** What the agent starts. */
const tools: Layer = {
  packages: [
    {
      name: "iptables",
      programs: ["xtables-nft-multi", "xtables-legacy-multi", ...["-nft", "-legacy"].flatMap(iptablesNames)],
    },
    { name: "nftables", programs: ["nft"] },
    { name: "conntrack", programs: ["conntrack"] },
    { name: "nfacct", programs: ["nfacct"] },
    { name: "iproute2", programs: ["ip"] },
    { name: "kmod", programs: ["kmod", "modprobe"], files: ["usr/lib/modprobe.d/aliases.conf"] },
    { name: "util-linux", programs: ["setpriv"] },
    // Names of protocols.
    { name: "netbase", files: ["etc/protocols", "etc/services"] },
    ...libraries("libxtables12", "libip4tc2", "libip6tc2", "libmnl0", "libnftnl11", "libnftables1", "libjansson4"),
    ...libraries("libgmp10", "libedit2", "libbsd0", "libmd0", "libtinfo6", "libnetfilter-conntrack3", "libnfnetlink0"),
    ...libraries("libnetfilter-acct1", "libbpf1", "libelf1t64", "zlib1g", "libzstd1", "liblzma5", "libcap2"),
    ...libraries("libselinux1", "libpcre2-8-0", "libkmod2", "libssl3t64", "libcap-ng0"),
  ],
  // Modules of kernels that do not unpack them themselves.
  loaded: ["liblzma.so.5", "libzstd.so.1"],
  plugins: ["xtables"],
  // The agent finds out which of both a node uses, as the iptables-wrappers of other images do, and calls it by its own
  // name: on a read-only root no link can be turned. Who asks for no one in particular gets what Debian has as default.
  links: Object.fromEntries(iptablesNames("").map((name) => [`usr/sbin/${name}`, "xtables-nft-multi"])),
};

export type LayerName = "base" | "tools";

export const layers: Readonly<Record<LayerName, Layer>> = { base, tools };

export interface Image {
  /** From the bottom. That with the program of the image's own name is the last one. */
  readonly layers: readonly LayerName[];
  /** Of its program, from the root of the tree. */
  readonly entry: string;
  readonly user: string;
}

export type ImageName = "berth-agent" | "berth-controller";

export const images: Readonly<Record<ImageName, Image>> = {
  "berth-agent": { layers: ["base", "tools"], entry: "images/agent.ts", user: "0:0" },
  "berth-controller": { layers: ["base"], entry: "images/controller.ts", user: "65532:65532" },
};

/** The tag of the images, which is the chart's version. */
export const version: string = manifest.version;

/** Of the npm package `node`. */
export const nodeVersion: string = manifest.dependencies.node;

/** What a container of any of the images has, unless it is told otherwise. */
export const environment: Readonly<Record<string, string>> = {
  PATH: "/usr/sbin:/usr/bin",
  // As bin/berth has them.
  NODE_OPTIONS: "--disable-warning=ExperimentalWarning --max-semi-space-size=4",
};
export const entrypoint: readonly string[] = ["/usr/bin/berth"];
