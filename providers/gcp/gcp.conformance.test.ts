import { afterAll, beforeAll } from "vitest";
import type { LbIdentity } from "../../src/model/index.ts";
import type { ProviderAdapter } from "../../src/provider/index.ts";
import { type Bed, describeConformance } from "../../src/provider/testing/conformance.ts";
import { Drive } from "../../src/provider/testing/drive.ts";
import { baseName } from "./names.ts";
import { Cloud, nodes, wishOf } from "./testing/cloud.ts";
import { settings, tcp, udp } from "./testing/values.ts";

let cloud: Cloud;

beforeAll(async () => {
  // Every change goes on after its request.
  cloud = await Cloud.start({ steps: 2 });
});
afterAll(() => cloud[Symbol.asyncDispose]());

/** Connections are dear, so all beds are the same cloud, swept. */
class CloudBed implements Bed {
  constructor() {
    cloud.gce.clear();
  }

  adapter(fence?: () => string | undefined): Promise<ProviderAdapter> {
    return Promise.resolve(cloud.adapter(fence));
  }

  fingerprint(): Promise<string> {
    return Promise.resolve(cloud.fingerprint());
  }

  begun(): number {
    return cloud.gce.journal.filter(({ isWrite }) => isWrite).length;
  }

  occupy(id: LbIdentity): Promise<void> {
    const { project, region } = settings;
    const body = { name: baseName(id), description: "somebody's", loadBalancingScheme: "EXTERNAL", protocol: "TCP" };
    cloud.gce.world.put(`projects/${project}/regions/${region}/backendServices/${body.name}`, body);
    return Promise.resolve();
  }

  async retain(): Promise<void> {
    const { lb } = wishOf();
    await new Drive(cloud.adapter(), wishOf({ retain: true }), [{ kind: "service", id: lb.id }]).run();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

const [b1, , c1] = nodes;

describeConformance("gcp-l4", {
  newBed: () => Promise.resolve(new CloudBed()),
  wishes: {
    "one port": wishOf({}, [b1!]),
    "both protocols and families, of policy Local, on other nodes": wishOf(
      { ports: [tcp(80), udp(53)], families: ["IPv4", "IPv6"], externalTrafficPolicy: "Local" },
      [b1!, c1!],
    ),
    "many ports inside": wishOf(
      {
        ports: [80, 81, 82, 83, 84, 85].map(tcp),
        scheme: "internal",
        annotations: { "berth.dev/global-access": "true" },
      },
      [c1!],
    ),
  },
  timeoutMs: 600_000,
});
