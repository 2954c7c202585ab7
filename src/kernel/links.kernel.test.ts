import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { netnsExec } from "./exec.ts";
import { findLink, ipBatch, listLinks } from "./links.ts";
import { addNetns, deleteNetns, listNetns } from "./netns.ts";
import { applyNft, listNftChain } from "./nft.ts";
import { host } from "./testing/machine.ts";

it("makes a namespace, looks into it and takes it away", async () => {
  const options = { signal: AbortSignal.timeout(30_000) };
  const name = `bt-kernel-${randomBytes(4).toString("hex")}`;
  await addNetns(host, name, options);
  try {
    expect(await listNetns(host, options)).toContain(name);
    const inside = netnsExec(host, name);
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
    await deleteNetns(host, name, options);
  }
  expect(await listNetns(host, options)).not.toContain(name);
});
