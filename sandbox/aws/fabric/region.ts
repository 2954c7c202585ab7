import { region, type State, vpcId } from "../state.ts";

/** The security group of all instances. */
export const nodeGroup = "sg-0aaaaaaaaaaaaaaaa";

/** Two zones with a public and an internal subnet each, as clusters have them, and the security group of the nodes. */
export function furnish(state: State): void {
  for (const zone of ["a", "b"])
    for (const isPublic of [false, true]) {
      const id = `subnet-${isPublic ? "public" : "internal"}-${zone}`;
      const role = isPublic ? "kubernetes.io/role/elb" : "kubernetes.io/role/internal-elb";
      const tags = new Map([[role, "1"]]);
      state.subnets.set(id, { id, zone: `${region}${zone}`, isPublic, freeAddresses: 200, tags });
    }
  state.groups.set(nodeGroup, {
    id: nodeGroup,
    name: "nodes",
    vpcId,
    madeAt: -1_000_000,
    tags: new Map([["kubernetes.io/cluster/demo", "owned"]]),
    rules: [],
    heldUntil: 0,
  });
}

/** An instance runs from now on. */
export function run(state: State, id: string, zone: "a" | "b" | "c"): void {
  state.instances.set(id, { id, vpcId, zone: `${region}${zone}`, groups: [nodeGroup], state: "running" });
}
