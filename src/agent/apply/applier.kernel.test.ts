import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addNetns, deleteNetns, type Exec, Iptables, netnsExec, systemExec } from "../../kernel/index.ts";
import { fixture, programOf, proxied } from "../plan/testing/services.ts";
import { RuleApplier } from "./index.ts";

const signal = new AbortController().signal;
const host = systemExec({ PATH: "/usr/sbin:/usr/bin:/sbin:/bin" });
const netns = `bt-applier-${randomBytes(4).toString("hex")}`;
const inside = netnsExec(host, netns);
const flavours = ["nft", "legacy"].filter((flavour) => existsSync(`/usr/sbin/iptables-${flavour}-save`));
const services = fixture.map(proxied);

beforeAll(() => addNetns(host, netns, { signal }));
afterAll(() => deleteNetns(host, netns, { signal }));

function applier(flavour: string): RuleApplier {
  const exec: Exec = {
    run: (program, args, options) => inside.run(program.replace("tables-", `tables-${flavour}-`), args, options),
  };
  return new RuleApplier(new Iptables(exec, "IPv4"));
}

const nothing = { chains: [], removed: [], jumps: [] };

it.each(flavours)("iptables-%s holds every kind of Service as written", async (flavour) => {
  const program = programOf(services);
  const first = await applier(flavour).apply(program, signal);
  expect(first.chains).toHaveLength([...program.values()].reduce((sum, { chains }) => sum + chains.size, 0));
  expect(first.jumps).toHaveLength(14);
  expect(await applier(flavour).apply(program, signal)).toMatchObject(nothing);
  // Without its Services a node goes back to what it has without any.
  const empty = programOf([]);
  const last = await applier(flavour).apply(empty, signal);
  expect(last.removed).toHaveLength(
    first.chains.length - [...empty.values()].reduce((n, { chains }) => n + chains.size, 0),
  );
  expect(await applier(flavour).apply(empty, signal)).toMatchObject(nothing);
});
