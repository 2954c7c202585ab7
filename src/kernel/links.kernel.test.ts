import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { netnsExec, systemExec } from "./exec.ts";
import { findLink, ipBatch, listLinks } from "./links.ts";
import { addNetns, deleteNetns, listNetns } from "./netns.ts";
import { applyNft, listNftChain } from "./nft.ts";

const exec = systemExec({ PATH: "/usr/sbin:/usr/bin:/sbin:/bin" });

it("makes a namespace, looks into it and takes it away", async () => {
  const options = { signal: AbortSignal.timeout(30_000) };
  const name = `bt-kernel-${randomBytes(4).toString("hex")}`;
  await addNetns(exec, name, options);
  try {
    expect(await listNetns(exec, options)).toContain(name);
    const inside = netnsExec(exec, name);
    await ipBatch(inside, ["link add br0 type bridge", "addr add 10.0.0.1/24 dev br0", "link set br0 up"], options);
    const links = await listLinks(inside, options);
    expect(links.map((link) => link.name)).toEqual(["lo", "br0"]);
    expect(links[1]?.up).toBe(true);
    expect(links[1]?.addresses).toContainEqual({ address: "10.0.0.1", prefix: 24, scope: "global" });
    expect((await findLink(inside, "br0", options))?.name).toBe("br0");
    expect(await findLink(inside, "br1", options)).toBeUndefined();
    await expect(ipBatch(inside, ["link set nothing up"], options)).rejects.toThrow(/Cannot find device/);

    expect(await listNftChain(inside, "inet", "t", "c", options)).toBeUndefined();
    await applyNft(inside, "table inet t { chain c { return; }; }", options);
    expect(await listNftChain(inside, "inet", "t", "c", options)).toMatch(/chain c \{\s+return\s+\}/);
    expect(await listNftChain(inside, "inet", "t", "d", options)).toBeUndefined();
  } finally {
    await deleteNetns(exec, name, options);
  }
  expect(await listNetns(exec, options)).not.toContain(name);
});
