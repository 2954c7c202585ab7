import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import gax from "google-gax";
import { expect, it } from "vitest";
import { protosOf, servicesOf } from "./google-protos.ts";

const path = createRequire(import.meta.url).resolve("@google-cloud/compute/build/protos/protos.json");
const whole = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;

it("tells services by the files of their clients", () => {
  const inputs = [
    "node_modules/@google-cloud/compute/build/src/v1/region_health_checks_client.js",
    "node_modules/@google-cloud/compute/build/src/v1/addresses_client.js",
    "node_modules/@google-cloud/compute/build/src/v1/gapic_metadata.json",
    "providers/gcp/client.ts",
  ];
  expect(servicesOf(inputs)).toEqual(["Addresses", "RegionHealthChecks"]);
});

it("takes of the description a service, with all that it speaks of, and nothing else", async () => {
  const part = gax.protobuf.Root.fromJSON(await protosOf(whole, ["RegionHealthChecks"]));
  // Throws where a type is missing.
  part.resolveAll();
  const original = gax.protobuf.Root.fromJSON(whole);
  for (const name of ["HealthCheck", "InsertRegionHealthCheckRequest", "Operation", "HTTPHealthCheck"])
    expect(part.lookupType(name).toJSON()).toEqual(original.lookupType(name).toJSON());
  expect(part.lookupService("RegionHealthChecks").toJSON()).toEqual(
    original.lookupService("RegionHealthChecks").toJSON(),
  );
  for (const name of ["Addresses", "Instance", "InsertAddressRequest"]) expect(part.lookup(name)).toBeNull();
});

it("fails for a service that there is not", async () => {
  await expect(protosOf(whole, ["Elephants"])).rejects.toThrow("no such Service");
});
