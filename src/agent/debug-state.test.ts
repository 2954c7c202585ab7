import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { proxiedService } from "../model/index.ts";
import { port, service, slice } from "../model/testing/objects.ts";
import { describeState, type ProxyView } from "./debug-state.ts";
import { NodeStanding } from "./node-standing.ts";
import { SyncHealth } from "./sync-health.ts";

const health = new SyncHealth(["IPv4"], new FakeClock());

function view(count: number, endpoints = 1): ProxyView {
  const slices = [
    slice(
      "s",
      [{ name: "p", port: 80 }],
      Array.from({ length: endpoints }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` })),
    ),
  ];
  const services = Array.from({ length: count }, (_, i) => {
    const object = service(`ns/s${String(i).padStart(5, "0")}`, { clusterIP: "172.30.0.1", ports: [port("p", 80)] });
    return proxiedService(object, slices, { name: "node-a", zone: undefined })!;
  });
  return {
    standing: new NodeStanding(),
    services: services.reverse(),
    changesWaiting: { services: 0, endpointSlices: 0 },
    families: [{ family: "IPv4", pending: [], lastFailure: { at: 0, message: "refused" } }],
  };
}

interface Page {
  readonly total: number;
  readonly next?: string;
  readonly items: readonly { readonly service: string; readonly ports: readonly { readonly endpoints: object }[] }[];
}

async function page(from: ProxyView, query: string): Promise<Page> {
  const state = (await describeState("node-a", from, health, new URLSearchParams(query))) as { services: Page };
  return state.services;
}

it("shows all Services in pages, sorted, whatever is asked", async () => {
  const all = view(2500);
  const seen: string[] = [];
  for (let after = "", more = true; more; ) {
    const { total, next, items } = await page(all, `limit=100000&after=${after}`);
    expect([total, items.length <= 2000]).toEqual([2500, true]);
    seen.push(...items.map((item) => item.service));
    after = next ?? "";
    more = next !== undefined;
  }
  expect(seen).toEqual(all.services.map(({ key }) => key).sort());
  for (const query of ["", "limit=-1", "limit=x"]) expect((await page(all, query)).items).toHaveLength(200);
  expect((await page(all, "service=ns/s00007")).items.map((item) => item.service)).toEqual(["ns/s00007"]);
  expect((await page(all, "service=ns/none")).items).toEqual([]);
});

it("cuts long lists of endpoints, and tells of what failed", async () => {
  const { items } = await page(view(1, 600), "");
  expect(items[0]?.ports[0]?.endpoints).toMatchObject({ known: 600, cluster: { total: 600 }, local: [] });
  expect(await describeState("node-a", view(0), health, new URLSearchParams())).toMatchObject({
    node: "node-a",
    families: {
      IPv4: {
        lastUpdated: null,
        healthy: false,
        pendingSeconds: null,
        lastFailure: { at: "1970-01-01T00:00:00.000Z", message: "refused" },
      },
    },
  });
});

it("names the health check node port of a Service that has one", async () => {
  const spec = {
    type: "LoadBalancer",
    clusterIP: "172.30.0.1",
    externalTrafficPolicy: "Local",
    ports: [port("p", 80)],
  };
  const shown = async (healthCheckNodePort: number) => {
    const object = service("ns/web", { ...spec, healthCheckNodePort });
    const services = [proxiedService(object, [], { name: "node-a", zone: undefined })!];
    return (await page({ ...view(0), services }, "")).items[0]!.ports[0];
  };
  expect(await shown(31_000)).toMatchObject({ healthCheckNodePort: 31_000 });
  expect(await shown(0)).not.toHaveProperty("healthCheckNodePort");
});
