import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Service, ServicePort } from "../api/index.ts";
import { assignNodePorts, dynamicBand, servicePortKey } from "./node-ports.ts";

const none = new Set<number>();

function service(ports: readonly ServicePort[], name = "web"): Service {
  return { metadata: { namespace: "default", name }, spec: { type: "LoadBalancer", ports: [...ports] } };
}

function assigned(request: Parameters<typeof assignNodePorts>[0]): readonly ServicePort[] {
  const found = assignNodePorts(request);
  if (found === "exhausted") throw new Error("exhausted");
  return (request.service.spec?.ports ?? []).map((port) => ({
    ...port,
    nodePort: found.get(servicePortKey(port)) ?? port.nodePort ?? 0,
  }));
}

describe("the dynamic band (KEP-3668)", () => {
  it.each([
    [30_000, 32_767, 30_086],
    [30_000, 30_015, 30_000],
    [30_000, 30_016, 30_016],
    [30_000, 30_099, 30_016],
    [1000, 20_000, 1128],
  ])("of %i-%i begins at %i", (first, last, begin) => {
    expect(dynamicBand({ first, last })).toEqual({ first: begin, last });
  });
});

describe("node ports", () => {
  const band = { first: 30_086, last: 32_767 };
  const tcp = { name: "dns", port: 53, protocol: "TCP" };
  const udp = { name: "dns-udp", port: 53, protocol: "UDP" };

  it("are one number for two protocols of a port, and the same in whatever order", () => {
    const ports = assigned({ service: service([tcp, udp, { port: 80 }]), band, taken: none, refused: none });
    expect(ports[0]?.nodePort).toBe(ports[1]?.nodePort);
    const turned = assigned({ service: service([{ port: 80 }, udp, tcp]), band, taken: none, refused: none });
    expect(turned.toReversed().map(({ nodePort }) => nodePort)).toEqual(ports.map(({ nodePort }) => nodePort));
  });

  it("follow the one that a user gave to another protocol of the port, unless that protocol has it elsewhere", () => {
    const given = { ...tcp, nodePort: 30_053 };
    const taken = new Set([30_053]);
    expect(assigned({ service: service([given, udp]), band, taken, refused: none })[1]?.nodePort).toBe(30_053);
    const elsewhere = { name: "x", port: 54, protocol: "UDP", nodePort: 30_053 };
    const moved = assigned({ service: service([given, udp, elsewhere]), band, taken, refused: none })[1]?.nodePort;
    expect(moved).toBeGreaterThanOrEqual(band.first);
  });

  it("are exhausted when the band is", () => {
    const small = { first: 30_000, last: 30_001 };
    const ports = [{ port: 80 }, { port: 81 }];
    const request = { service: service(ports), band: small, taken: none, refused: none };
    expect(new Set(assigned(request).map(({ nodePort }) => nodePort))).toEqual(new Set([30_000, 30_001]));
    expect(assignNodePorts({ ...request, taken: new Set([30_001]) })).toBe("exhausted");
    expect(assignNodePorts({ ...request, refused: new Set([30_000]) })).toBe("exhausted");
  });

  const numbers = fc.integer({ min: 30_000, max: 30_040 });
  const somePorts = fc.uniqueArray(
    fc.record({
      port: fc.integer({ min: 1, max: 6 }),
      protocol: fc.constantFrom("TCP", "UDP", "SCTP"),
      nodePort: fc.option(numbers, { nil: undefined, freq: 3 }),
    }),
    { minLength: 1, maxLength: 8, selector: ({ port, protocol }) => `${port}/${protocol}` },
  );
  /** As API servers keep them: no protocol has one number twice. */
  const validPorts = somePorts.filter((ports) => {
    const known = ports.flatMap(({ protocol, nodePort }) => (nodePort === undefined ? [] : `${protocol} ${nodePort}`));
    return new Set(known).size === known.length;
  });
  const world = fc.record({
    name: fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 }),
    ports: validPorts.map((ports) =>
      ports.map(({ port, protocol, nodePort }): ServicePort => ({ port, protocol, ...(nodePort && { nodePort }) })),
    ),
    foreign: fc.uniqueArray(numbers, { maxLength: 20 }).map((list) => new Set(list)),
    refused: fc.uniqueArray(numbers, { maxLength: 10 }).map((list) => new Set(list)),
  });
  const narrow = { first: 30_004, last: 30_036 };

  it("collide with nothing, stay in the band, and leave alone what is there", () => {
    fc.assert(
      fc.property(world, ({ name, ports, foreign, refused }) => {
        const own = ports.flatMap(({ nodePort = 0 }) => (nodePort === 0 ? [] : nodePort));
        const taken = foreign.union(new Set(own));
        const found = assignNodePorts({ service: service(ports, name), band: narrow, taken, refused });
        if (found === "exhausted") return;
        expect([...found.keys()].sort()).toEqual(
          ports
            .filter(({ nodePort = 0 }) => nodePort === 0)
            .map(servicePortKey)
            .sort(),
        );
        const after = ports.map((port) => ({
          ...port,
          nodePort: port.nodePort ?? found.get(servicePortKey(port)) ?? 0,
        }));
        const pairs = after.map(({ protocol, nodePort }) => `${protocol} ${nodePort}`);
        expect(new Set(pairs).size).toBe(pairs.length);
        for (const [key, number] of found) {
          if (own.includes(number)) continue;
          const shares = after.filter((other) => other.nodePort === number && servicePortKey(other) !== key);
          expect(shares.every(({ port }) => key.startsWith(`${port}/`))).toBe(true);
          expect(foreign.has(number) || refused.has(number)).toBe(false);
          expect(number >= narrow.first && number <= narrow.last).toBe(true);
        }
      }),
    );
  });

  it("do not move when other Services come and go, nor when they are taken up again", () => {
    fc.assert(
      fc.property(world, numbers, ({ name, ports, foreign, refused }, other) => {
        const request = { service: service(ports, name), band: narrow, refused };
        const found = assignNodePorts({ ...request, taken: foreign });
        if (found === "exhausted") return;
        const got = new Set(found.values());
        if (!got.has(other))
          expect(assignNodePorts({ ...request, taken: foreign.union(new Set([other])) })).toEqual(found);
        const after = ports.map((port) => ({
          ...port,
          nodePort: port.nodePort ?? found.get(servicePortKey(port)) ?? 0,
        }));
        const again = { ...request, service: service(after, name), taken: foreign.union(got) };
        expect(assignNodePorts(again)).toEqual(new Map());
      }),
    );
  });
});
