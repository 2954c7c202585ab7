import { readFileSync } from "node:fs";
import { type Call, get, type Handler } from "./call.ts";
import { AwsError } from "./protocol/index.ts";

/** What AWS' guide says that each kind of thing has at first, and what more by its protocol. */
const defaults = JSON.parse(readFileSync(new URL("model/attributes.json", import.meta.url), "utf8")) as Readonly<
  Record<string, Readonly<Record<string, string>>>
>;

const owners = { LoadBalancer: "loadBalancers", TargetGroup: "targetGroups", Listener: "listeners" } as const;

type Kind = keyof typeof owners;

export function defaultAttributes(kind: Kind, protocol: string = ""): Map<string, string> {
  return new Map(Object.entries({ ...defaults[kind], ...defaults[`${kind} ${protocol}`] }));
}

interface Input {
  readonly LoadBalancerArn?: string;
  readonly TargetGroupArn?: string;
  readonly ListenerArn?: string;
  readonly Attributes?: readonly { readonly Key: string; readonly Value?: string }[];
}

/** What reads and changes the attributes of one kind of thing: all those that it has, and none besides. */
export function attributeHandlers(kind: Kind): Readonly<Record<string, Handler>> {
  const handle = ({ state }: Call, { Attributes: changes = [], ...refs }: Input): object => {
    const { attributes } = get(state, owners[kind], refs[`${kind}Arn`]);
    const unknown = changes.find(({ Key }) => !attributes.has(Key));
    if (unknown !== undefined) throw new AwsError("InvalidConfigurationRequest", `no attribute ${unknown.Key}`);
    for (const { Key, Value = "" } of changes) attributes.set(Key, Value);
    return { Attributes: [...attributes].map(([Key, Value]) => ({ Key, Value })) };
  };
  return { [`Describe${kind}Attributes`]: handle, [`Modify${kind}Attributes`]: handle };
}
