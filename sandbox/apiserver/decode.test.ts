import { expect, it } from "vitest";
import { decode } from "./decode.ts";
import { Schemas } from "./schema.ts";

const schemas = Schemas.load();
const service = "io.k8s.api.core.v1.Service";

it("drops nulls and unknown fields and names the unknown by path", () => {
  const { object, unknown } = decode(schemas, service, {
    metadata: { name: "a", labels: { any: "1" }, nope: 1 },
    spec: { type: null, ports: [{ port: 80, targetPort: "http", typo: true }] },
  });
  expect(object).toEqual({
    metadata: { name: "a", labels: { any: "1" } },
    spec: { ports: [{ port: 80, targetPort: "http" }] },
  });
  expect(unknown).toEqual(["metadata.nope", "spec.ports[0].typo"]);
});

it.each([
  [{ spec: { ports: [{ port: "80" }] } }, "string into Go struct field ServicePort.spec.ports.port of type int32"],
  [{ spec: { ports: "all" } }, "string into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort"],
  [{ spec: { type: 7 } }, "number into Go struct field ServiceSpec.spec.type of type v1.ServiceType"],
  [{ spec: [] }, "array into Go struct field Service.spec of type v1.ServiceSpec"],
  [{ metadata: { labels: { a: 1 } } }, "number into Go struct field ObjectMeta.metadata.labels of type string"],
])("refuses %j", (value, message) => {
  expect(() => decode(schemas, service, value)).toThrow(`json: cannot unmarshal ${message}`);
});

it("fills in what the schema has defaults for, within what exists", () => {
  const pod = { spec: { containers: [{ name: "a" }] } };
  schemas.applyDefaults("io.k8s.api.core.v1.Pod", pod);
  expect(pod).toMatchObject({ spec: { containers: [{ name: "a", resources: {} }] }, status: {} });
});
