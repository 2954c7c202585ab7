import { existsSync } from "node:fs";
import { type Exec, type Flavour, systemExec } from "../index.ts";

/** Where root finds programs; `PATH` of who runs the tests may lack sbin. */
export const rootPath = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Programs on the machine itself, outside of the network namespaces that tests make. */
export const host: Exec = systemExec({ PATH: rootPath });

/** The backends of iptables that this machine has. */
export const flavours: readonly Flavour[] = (["nft", "legacy"] as const).filter((flavour) =>
  existsSync(`/usr/sbin/iptables-${flavour}-save`),
);
