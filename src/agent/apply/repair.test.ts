import { expect, it } from "vitest";
import { systemClock } from "../../base/index.ts";
import { FakeIptables } from "../../kernel/fake-iptables.ts";
import { type Exec, Iptables, parseIptablesSave } from "../../kernel/index.ts";
import { fixture, programOf, proxied } from "../plan/testing/services.ts";
import { difference, observe } from "./difference.ts";
import { RuleApplier } from "./index.ts";

const signal = new AbortController().signal;

it("repairs the loss of everything in as many restores as it was written in", async () => {
  let kernel = new FakeIptables("IPv4");
  const exec: Exec = { run: (name, args, options) => kernel.run(name, args, options) };
  const applier = new RuleApplier(new Iptables(exec, "IPv4"), systemClock, 5);
  const program = programOf(fixture.map(proxied));
  await applier.apply(program, signal);
  const { restores } = kernel;
  expect(restores.length).toBeGreaterThan(1);
  kernel = new FakeIptables("IPv4");
  const found = observe(parseIptablesSave(kernel.save()), program);
  await applier.repair(difference(found, program), signal, found);
  expect(kernel.restores).toEqual(restores);
});
