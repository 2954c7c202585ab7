import { readFileSync } from "node:fs";
import { type Call, get, type Handler } from "./call.ts";
import { AwsError } from "./protocol/index.ts";
import type { HealthCheck } from "./state.ts";

type Defaults = Readonly<Record<string, Readonly<Record<string, string>>>> & { readonly HealthCheck: HealthCheck };

/** What AWS' guide says that each kind of thing has at first, and what more by its protocol. */
const defaults = JSON.parse(readFileSync(new URL("model/defaults.json", import.meta.url), "utf8")) as Defaults;

export const defaultCheck: HealthCheck = defaults.HealthCheck;

const owners = { LoadBalancer: "loadBalancers", TargetGroup: "targetGroups", Listener: "listeners" } as const;

type Kind = keyof typeof owners;

export function defaultAttributes(kind: Kind, protocol: string = ""): Map<string, string> {
  return new Map(Object.entries({ ...defaults[kind], ...defaults[`${kind} ${protocol}`] }));
}

type Changes = readonly { readonly Key: string; readonly Value?: string }[];
type Input = { readonly [Key in `${Kind}Arn`]?: string } & { readonly Attributes?: Changes };

/** What reads and changes the attributes of one kind of thing: all those that it has, and none besides. */
export function attributeHandlers(kind: Kind): Readonly<Record<string, Handler>> {
  const handle = (call: Call, { Attributes: changes = [], ...refs }: Input): object => {
    const { attributes } = get(call, owners[kind], refs[`${kind}Arn`]);
    const unknown = changes.find(({ Key }) => !attributes.has(Key));
    if (unknown !== undefined) throw new AwsError("InvalidConfigurationRequest", `no attribute ${unknown.Key}`);
    for (const { Key, Value = "" } of changes) attributes.set(Key, Value);
    return { Attributes: [...attributes].map(([Key, Value]) => ({ Key, Value })) };
  };
  return { [`Describe${kind}Attributes`]: handle, [`Modify${kind}Attributes`]: handle };
}
