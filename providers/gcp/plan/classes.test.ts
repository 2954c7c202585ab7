// Classes that differ in what firewall rules are for, and what they share all the same.
import { describe, expect, it } from "vitest";
import type { GcpL4Parameters } from "../../../src/api/index.ts";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { inOrder } from "../../../src/provider/index.ts";
import { baseName, sharedBaseName } from "../names.ts";
import { parseOwner } from "../owner.ts";
import type { Action, Firewall } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { MemoryRegion } from "../testing/memory-region.ts";
import { settings as defaults, desiredLb, id, node } from "../testing/values.ts";
import { planScope, sharedKey } from "./index.ts";

const nodes = [node("b1", "b", "10.0.0.1")];
const shared = sharedBaseName(id.clusterId);

/** One of a class that says so. */
function lbOf(name: string, gcpL4: GcpL4Parameters | "unknown", rest: Partial<DesiredLoadBalancer> = {}) {
  const parameters = gcpL4 === "unknown" ? gcpL4 : { gcpL4 };
  return desiredLb({ id: { ...id, name, uid: `uid-${name}` }, parameters, ...rest });
}

class Bed {
  readonly region: MemoryRegion;
  readonly #settings: Settings;

  constructor(settings: Settings = defaults) {
    this.#settings = settings;
    this.region = new MemoryRegion(settings);
  }

  /** Until nothing is left to do for any of them. */
  converge(...lbs: readonly DesiredLoadBalancer[]): void {
    for (let round = 0; round < 20; round++) {
      const before = this.region.journal.length;
      this.share(...lbs);
      for (const lb of lbs)
        for (const kind of ["members", "service"] as const) this.#do({ kind, id: lb.id }, { kind, lb, nodes });
      if (this.region.journal.length === before) return;
    }
    throw new Error("not done");
  }

  /** What is shared, as these need it. */
  share(...lbs: readonly DesiredLoadBalancer[]): void {
    this.#do(sharedKey(id.clusterId), { kind: "shared", users: lbs, nodes });
  }

  remove(lb: DesiredLoadBalancer): void {
    for (const kind of ["service", "members"] as const) this.#do({ kind, id: lb.id }, null);
  }

  removeShared(): void {
    for (let round = 0; round < 5; round++) this.#do(sharedKey(id.clusterId), null);
  }

  waitsOf(lb: DesiredLoadBalancer): readonly string[] {
    const key = { kind: "service", id: lb.id } as const;
    return planScope(key, { ...key, lb, nodes }, this.region.observe(key), this.#settings).waits.map(
      ({ what }) => what,
    );
  }

  rule(name: string): Firewall | undefined {
    return this.region.all("firewall").find((one) => one.name === name);
  }

  /** `name of project: tags` of each. */
  get rules(): readonly string[] {
    return this.region
      .all("firewall")
      .map(({ name, project = "shop", targetTags }) => `${name} of ${project}: ${targetTags.join(",")}`)
      .sort();
  }

  get projects(): readonly string[] | undefined {
    const [check] = this.region.all("healthCheck").filter(({ name }) => name === `${shared}-health`);
    const owner = parseOwner(check?.description ?? "");
    return owner?.kind === "shared" ? owner.projects : undefined;
  }

  #do(...[key, desired]: [Parameters<typeof planScope>[0], Parameters<typeof planScope>[1]]): void {
    const { steps } = planScope(key, desired, this.region.observe(key), this.#settings);
    for (const { input } of inOrder(steps)) this.region.commit(input as Action);
  }
}

function ownRules(name: string, project: string, tags: string, uses = ["allow", "deny"]): readonly string[] {
  const base = baseName({ ...id, name, uid: `uid-${name}` });
  return uses.map((use) => `${base}-fw-${use}-v4 of ${project}: ${tags}`);
}

function probeRules(project: string, tags: string): readonly string[] {
  return ["v4", "v6"].map((family) => `${shared}-fw-health-${family} of ${project}: ${tags}`);
}

describe("network tags", () => {
  it("are the class's, else the flag's, and those of all of them where they share a rule", () => {
    const bed = new Bed();
    bed.converge(lbOf("a", { nodeTags: ["red"] }), lbOf("b", {}));
    expect(bed.rules).toEqual(
      [
        ...ownRules("a", "shop", "red"),
        ...ownRules("b", "shop", "berth-node"),
        ...probeRules("shop", "berth-node,red"),
      ].sort(),
    );
    bed.converge(lbOf("a", { nodeTags: [] }), lbOf("b", {}));
    expect(bed.rules).toEqual(
      [...ownRules("a", "shop", ""), ...ownRules("b", "shop", "berth-node"), ...probeRules("shop", "")].sort(),
    );
  });

  it("are all machines where they are more than a rule can have", () => {
    const bed = new Bed();
    const tags = (letter: string) => Array.from({ length: 36 }, (_, i) => `${letter}${i}`);
    bed.share(lbOf("a", { nodeTags: tags("a") }), lbOf("b", { nodeTags: tags("b").slice(0, 34) }));
    expect(bed.rule(`${shared}-fw-health-v4`)?.targetTags).toHaveLength(70);
    bed.share(lbOf("a", { nodeTags: tags("a") }), lbOf("b", { nodeTags: tags("b") }));
    expect(bed.rule(`${shared}-fw-health-v4`)?.targetTags).toEqual([]);
  });

  it("of one that is gone go, but not while somebody cannot say what he needs", () => {
    const bed = new Bed();
    const [a, b] = [lbOf("a", { nodeTags: ["red"] }), lbOf("b", {})];
    bed.converge(a, b);
    const wide = probeRules("shop", "berth-node,red");
    const said = (): readonly string[] => bed.rules.filter((rule) => rule.startsWith(shared));
    // Its class is gone.
    bed.share(lbOf("a", "unknown"), b);
    expect(said()).toEqual(wide);
    // It is retained: its backend service has no Service any more.
    bed.share(b);
    expect(said()).toEqual(wide);
    bed.share();
    expect(said()).toEqual(wide);
    bed.remove(a);
    bed.share(b);
    expect(said()).toEqual(probeRules("shop", "berth-node"));
  });

  it("of a class more keep others out only once its probes are let in", () => {
    const bed = new Bed();
    const [a, b] = [lbOf("a", {}), lbOf("b", { nodeTags: ["red"] })];
    bed.converge(a);
    const closed = "the firewall does not let the cluster's health probes in yet";
    expect(bed.waitsOf(b)).not.toContain(closed);
    bed.converge(b);
    bed.region.put({ ...bed.rule(`${shared}-fw-health-v4`)!, targetTags: ["berth-node"] });
    expect(bed.waitsOf(b)).toEqual([closed]);
    expect(bed.waitsOf(a)).toEqual([]);
  });
});

describe("no firewall rules", () => {
  it("for a class that wants none; others have theirs", () => {
    const bed = new Bed();
    bed.converge(lbOf("a", { disableFirewalls: true }), lbOf("b", {}));
    expect(bed.rules).toEqual([...ownRules("b", "shop", "berth-node"), ...probeRules("shop", "berth-node")].sort());
    bed.converge(lbOf("a", { disableFirewalls: true }), lbOf("b", { disableFirewalls: true }));
    expect(bed.rules).toEqual([]);
  });

  it("unless a class wants them, whatever the flag says", () => {
    const bed = new Bed({ ...defaults, disableFirewalls: true });
    bed.converge(lbOf("a", { disableFirewalls: false }), lbOf("b", {}));
    expect(bed.rules).toEqual([...ownRules("a", "shop", "berth-node"), ...probeRules("shop", "berth-node")].sort());
  });
});

describe("a network of another project", () => {
  const far = { networkProject: "host" };

  it("has the rules of its class, and a way of its own for probes", () => {
    const bed = new Bed();
    bed.converge(lbOf("a", far), lbOf("b", {}));
    expect(bed.rules).toEqual(
      [
        ...ownRules("a", "host", "berth-node"),
        ...ownRules("b", "shop", "berth-node"),
        ...probeRules("host", "berth-node"),
        ...probeRules("shop", "berth-node"),
      ].sort(),
    );
    expect(bed.rule(`${baseName({ ...id, name: "a", uid: "uid-a" })}-fw-allow-v4`)?.network).toContain(
      "/projects/host/",
    );
    expect(bed.projects).toEqual(["host"]);
  });

  it("is noted before the first rule is made there, until the last one is gone", () => {
    const bed = new Bed();
    const a = lbOf("a", far, { externalTrafficPolicy: "Local" });
    bed.share(lbOf("b", {}));
    expect(bed.waitsOf(a)).toContain("it is not noted yet that project host has its network");
    bed.converge(a, lbOf("b", {}));
    bed.remove(lbOf("b", {}));
    const [left] = ownRules("a", "host", "");
    // Its class is gone, so that nobody knows any more what it had.
    bed.share(lbOf("b", {}));
    expect(bed.projects).toEqual(["host"]);
    bed.removeShared();
    expect(bed.rules.some((rule) => rule.startsWith(left!.split(" of ")[0]!))).toBe(true);
    bed.remove(a);
    bed.share(lbOf("b", {}));
    bed.share(lbOf("b", {}));
    expect(bed.projects).toBeUndefined();
    expect(bed.rules).toEqual(probeRules("shop", "berth-node"));
  });

  it("keeps its way for probes for what is retained there", () => {
    const bed = new Bed();
    bed.converge(lbOf("a", far), lbOf("b", {}));
    bed.share(lbOf("b", {}));
    expect(bed.rules).toEqual(expect.arrayContaining([...probeRules("host", "berth-node")]));
    expect(bed.projects).toEqual(["host"]);
  });

  it("is left, the note last, when nobody needs what is shared", () => {
    const bed = new Bed();
    const a = lbOf("a", far);
    bed.converge(a);
    bed.remove(a);
    bed.region.journal.length = 0;
    bed.removeShared();
    expect(bed.region.journal).toEqual([
      `delete firewall ${shared}-fw-health-v4 of project host`,
      `delete firewall ${shared}-fw-health-v6 of project host`,
      `delete healthCheck ${shared}-health`,
    ]);
  });

  it("cannot become that of a load balancer which is in another one", () => {
    const bed = new Bed();
    bed.converge(lbOf("a", {}));
    const before = bed.region.journal.length;
    expect(() => bed.converge(lbOf("a", far))).toThrow(
      "its groups are in projects/shop/global/networks/default and cannot come into projects/host/global/networks/default",
    );
    const actions = bed.region.journal.slice(before).filter((action) => !action.includes(shared));
    expect(actions).toEqual([]);
  });
});

it("a health check that somebody made more patient stays so when something else of it changes", () => {
  const bed = new Bed();
  bed.share(lbOf("a", {}));
  const [check] = bed.region.all("healthCheck");
  bed.region.put({ ...check!, unhealthyThreshold: 7, checkIntervalSec: 1 });
  bed.share(lbOf("a", { networkProject: "host" }));
  expect(bed.projects).toEqual(["host"]);
  expect(bed.region.all("healthCheck")[0]).toMatchObject({ unhealthyThreshold: 7, checkIntervalSec: 8 });
});
