import type { LbIdentity } from "../../../src/model/index.ts";
import type { OwnedObject, ScopeKey } from "../../../src/provider/index.ts";
import type { Aws } from "../aws.ts";
import { tagKeys } from "../identity.ts";
import type { Pairs } from "../schema/index.ts";
import { describeGroups, nodeRules } from "./groups.ts";
import { pairsOf, taggedObjects } from "./owned.ts";

/** All that carries the tags of a cluster. `shared`: the scope of what is of no one Service. */
export async function* listOwned(
  aws: Aws,
  clusterId: string,
  shared: ScopeKey,
  signal: AbortSignal,
): AsyncIterable<OwnedObject> {
  const listed = await taggedObjects(aws, { clusterId }, ["elasticloadbalancing"], signal);
  for (const [arn, tags] of listed) {
    const id = identityOf(tags);
    if (id === undefined) continue;
    yield owned({ kind: "service", id }, arn, tags);
    if (arn.includes(":targetgroup/")) yield owned({ kind: "members", id }, arn, tags);
  }
  for (const { GroupId = "", Tags } of await describeGroups(aws, { [`tag:${tagKeys.cluster}`]: clusterId }, signal)) {
    const tags = pairsOf(Tags);
    const id = identityOf(tags);
    yield owned(id === undefined ? shared : { kind: "service", id }, GroupId, tags);
  }
  for (const { id, tags } of await nodeRules(aws, clusterId, signal)) yield owned(shared, id, tags);
}

function owned(scope: ScopeKey, ref: string, tags: Pairs): OwnedObject {
  return { scope, ref, retained: tags[tagKeys.retained] === "true", addresses: [] };
}

/** Undefined: of no one Service. */
function identityOf(tags: Pairs): LbIdentity | undefined {
  const { [tagKeys.cluster]: clusterId = "", [tagKeys.uid]: uid, [tagKeys.service]: service = "" } = tags;
  const [namespace = "", name = ""] = service.split("/");
  return uid === undefined ? undefined : { clusterId, uid, namespace, name };
}
