import { expect, it } from "vitest";
import { poolSchema } from "./ip-address-pool.ts";
import { classSchema } from "./load-balancer-class.ts";
import { examples } from "./testing/guide.ts";
import { recordSchema } from "./testing/record-schema.ts";
import { schemaOf } from "./testing/rule-cases.ts";

const schemas = { LoadBalancerClass: classSchema, IPAddressPool: poolSchema, LoadBalancerRecord: recordSchema };

it("the guide has an example of each kind", () => {
  expect(examples.map(({ kind }) => kind).toSorted()).toEqual(Object.keys(schemas).toSorted());
});

it.each(examples)("the guide's $kind is one as it stands", (example) => {
  expect(schemas[example.kind as keyof typeof schemas].safeParse(example)).toEqual({ success: true, data: example });
});

it.each(examples)("the guide's $kind leaves no field out", (example) => {
  const part = example.kind === "LoadBalancerRecord" ? "status" : "spec";
  const alternatives = ["node", "awsNlb", "gcpL4", "l2", "bgp"];
  const schema = schemaOf(example.kind).properties?.[part];
  const fields = Object.keys(schema?.properties ?? {}).filter((name) => !alternatives.includes(name));
  expect(Object.keys(example[part] ?? {}).toSorted()).toEqual(fields.toSorted());
});
