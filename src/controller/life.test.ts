import { expect, it } from "vitest";
import { Bench } from "./testing/bench.ts";

it("TCP service that wants LB: address, status, conditions, events, in three writes", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start();
  await bench.ready("web");
  expect(bench.api.service("web")?.status).toMatchObject({
    loadBalancer: { ingress: [{ ip: "192.0.2.1", ipMode: "Proxy", ports: [{ port: 80, protocol: "TCP" }] }] },
  });
  expect(
    ["accepted", "programmed", "ready", "degraded", "portsError"].map((aspect) =>
      bench.condition("web", aspect as "ready"),
    ),
  ).toEqual(["True Accepted", "True Programmed", "True TargetsReady", "False NotDegraded", ""]);
  expect(bench.finalizers("web")).toEqual(["memory.berth.dev/resources"]);
  expect(bench.api.writes.length).toBe(2);
  expect(bench.eventReasons()).toEqual(["Normal EnsuringLoadBalancer", "Normal EnsuredLoadBalancer"]);
  await running.stop();
});
