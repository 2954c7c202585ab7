import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../src/base/fake-clock.ts";
import { startServer, TestClient } from "../fixture.ts";
import { attributesOf } from "./attributes.ts";
import { allows, describeRights, missingRights, type PolicyRule, pieces } from "./rules.ts";

const services = { group: "", resource: "services", subresource: "", namespace: "shop", name: "" };

describe("attributesOf", () => {
  it.each([
    ["GET", "/api/v1/namespaces/shop/services", { ...services, verb: "list" }],
    ["GET", "/api/v1/namespaces/shop/services?watch=1", { ...services, verb: "watch" }],
    ["GET", "/api/v1/watch/namespaces/shop/services", { ...services, verb: "watch" }],
    ["GET", "/api/v1/services?watch=0", { ...services, namespace: "", verb: "list" }],
    [
      "GET",
      "/api/v1/namespaces/shop/services?fieldSelector=metadata.name%3Da",
      { ...services, verb: "list", name: "a" },
    ],
    ["GET", "/api/v1/namespaces/shop/services?fieldSelector=x", { ...services, verb: "list" }],
    ["DELETE", "/api/v1/namespaces/shop/services", { ...services, verb: "deletecollection" }],
    [
      "PATCH",
      "/api/v1/namespaces/shop/services/a/status",
      { ...services, verb: "patch", name: "a", subresource: "status" },
    ],
    ["GET", "/api/v1/namespaces/shop", { ...services, verb: "get", resource: "namespaces", name: "shop" }],
    [
      "PUT",
      "/api/v1/namespaces/shop/finalize",
      { ...services, verb: "update", resource: "namespaces", name: "shop", subresource: "finalize" },
    ],
    [
      "POST",
      "/apis/apps/v1/namespaces/shop/deployments",
      { ...services, verb: "create", group: "apps", resource: "deployments" },
    ],
    ["GET", "/apis/apps/v1", { verb: "get", path: "/apis/apps/v1" }],
    ["POST", "/a%3Cb%", { verb: "post", path: "/a%3Cb%" }],
  ])("%s %s", (method, target, expected) => {
    const { pathname, searchParams } = new URL(target, "https://localhost");
    expect(attributesOf(method, pathname, searchParams)).toEqual(expected);
  });
});

const words = (...list: string[]) => fc.uniqueArray(fc.constantFrom(...list), { minLength: 1, maxLength: 3 });
const rules: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record({
    verbs: words("get", "list", "*"),
    apiGroups: words("", "apps", "*"),
    resources: words("a", "a/status", "b", "*/status", "*"),
    resourceNames: fc.oneof(fc.constant([]), words("x", "y")),
  }),
  fc.record({ verbs: words("get", "post", "*"), nonResourceURLs: words("/a", "/a/*", "/b", "*") }),
);
const requests = fc.oneof(
  fc.record({
    verb: fc.constantFrom("get", "list", "watch"),
    group: fc.constantFrom("", "apps", "rbac"),
    resource: fc.constantFrom("a", "b", "c"),
    subresource: fc.constantFrom("", "status", "scale"),
    namespace: fc.constant(""),
    name: fc.constantFrom("", "x", "y", "z"),
  }),
  fc.record({ verb: fc.constantFrom("get", "post"), path: fc.constantFrom("/a", "/a/b", "/b", "/c") }),
);

describe("rules", () => {
  it("allow what their pieces allow, and nothing else", () => {
    fc.assert(
      fc.property(rules, requests, (rule, request) => {
        expect(pieces(rule).some((piece) => allows(piece, request))).toBe(allows(rule, request));
      }),
    );
  });

  it("that cover others allow all that those do", () => {
    fc.assert(
      fc.property(fc.array(rules, { maxLength: 3 }), rules, requests, (owned, wanted, request) => {
        fc.pre(missingRights(owned, [wanted]).length === 0 && allows(wanted, request));
        expect(owned.some((rule) => allows(rule, request))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("are described with what differs by verb alone joined", () => {
    const wanted: PolicyRule[] = [
      { apiGroups: [""], resources: ["pods", "secrets"], verbs: ["get", "list"] },
      { nonResourceURLs: ["/metrics"], verbs: ["get"] },
    ];
    const owned: PolicyRule[] = [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }];
    expect(describeRights(missingRights(owned, wanted)).split("\n")).toEqual([
      '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}',
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
      '{NonResourceURLs:["/metrics"], Verbs:["get"]}',
    ]);
  });
});

describe("tokens of service accounts", () => {
  it("end with their time, and with the account that they were issued to", async () => {
    const clock = new FakeClock();
    await using server = await startServer({ clock });
    const admin = new TestClient(server);
    const accounts = "/api/v1/namespaces/default/serviceaccounts";
    await admin.post(accounts, { metadata: { name: "robot" } });
    const whoami = async (token: string): Promise<number> => {
      const path = `${server.urls[0]}/apis/authentication.k8s.io/v1/selfsubjectreviews`;
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      return (await fetch(path, { method: "POST", headers, body: "{}" })).status;
    };
    const issue = async (): Promise<string> => {
      const { body } = await admin.post(`${accounts}/robot/token`, { spec: { expirationSeconds: 600 } });
      return (body["status"] as { token: string }).token;
    };
    const first = await issue();
    expect(await whoami(first)).toBe(201);
    clock.advance(599_000);
    expect(await whoami(first)).toBe(201);
    clock.advance(1000);
    expect(await whoami(first)).toBe(401);
    const second = await issue();
    expect(await whoami(second)).toBe(201);
    await admin.delete(`${accounts}/robot`);
    expect(await whoami(second)).toBe(401);
    await admin.post(accounts, { metadata: { name: "robot" } });
    expect(await whoami(second)).toBe(401);
    expect(await whoami(await issue())).toBe(201);
  });
});
