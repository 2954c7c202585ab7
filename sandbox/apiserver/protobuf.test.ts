import fc from "fast-check";
import { expect, it } from "vitest";
import { Protobuf } from "./protobuf.ts";
import { Schemas } from "./schema.ts";

const protobuf = new Protobuf(Schemas.load());

/** As much of an encoder as the test needs: fields in, bytes out. */
function message(...fields: readonly [number, bigint | Uint8Array | string][]): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === "bigint") return Buffer.concat([varint(BigInt(number << 3)), varint(value)]);
      const bytes = Buffer.from(value as string);
      return Buffer.concat([varint(BigInt((number << 3) | 2)), varint(BigInt(bytes.length)), bytes]);
    }),
  );
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

function envelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  return Buffer.concat([Buffer.from("k8s\0"), message([1, message([1, apiVersion], [2, kind])], [2, raw])]);
}

it("reads a Service", () => {
  const port = message([1, "http"], [3, 80n], [4, message([1, 1n], [3, "web"])], [5, 0n]);
  const labels = message([1, "app"], [2, "a"]);
  const created = message([1, 1_700_000_000n], [2, 0n]);
  const metadata = message([1, "lb"], [3, ""], [8, created], [11, labels]);
  const spec = message([1, port], [4, "LoadBalancer"], [20, 0n]);
  expect(protobuf.decode(envelope("v1", "Service", message([1, metadata], [2, spec], [3, message()])))).toEqual({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "lb", creationTimestamp: "2023-11-14T22:13:20Z", labels: { app: "a" } },
    spec: {
      ports: [{ name: "http", port: 80, targetPort: "web" }],
      type: "LoadBalancer",
      // A pointer in Go: false was said.
      allocateLoadBalancerNodePorts: false,
    },
  });
});

it("inlines what Go embeds, and reads negative numbers and quantities", () => {
  const volume = message([1, "data"], [2, message([2, message()])]);
  const limits = message([1, message([1, "cpu"], [2, message([1, "1"])])]);
  const container = message([1, "c"], [8, limits]);
  const spec = message([1, volume], [2, container], [4, BigInt(-5)]);
  expect(protobuf.decode(envelope("v1", "Pod", message([2, spec])))).toMatchObject({
    spec: {
      volumes: [{ name: "data", emptyDir: {} }],
      containers: [{ name: "c", resources: { limits: { cpu: "1" } } }],
      terminationGracePeriodSeconds: -5,
    },
  });
});

it.each([
  [Buffer.from("{}"), "expected prefix k8s"],
  [envelope("v2", "Service", Buffer.alloc(0)), 'no kind "Service" is registered for version "v2"'],
])("refuses what is none", (bytes, text) => expect(() => protobuf.decode(bytes)).toThrow(text));

it("reads or refuses any bytes, and never fails otherwise", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, wrapped) => {
      const body = wrapped ? envelope("v1", "Service", Buffer.from(bytes)) : Buffer.from(bytes);
      try {
        protobuf.decode(body);
      } catch (error) {
        expect(error).toMatchObject({ code: 400 });
      }
    }),
  );
});
