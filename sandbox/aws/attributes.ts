import { AwsError, type Call, type Handler, list, maybe, text } from "./call.ts";
import type { Tags } from "./state.ts";
import type { Value } from "./wire.ts";

interface Owner {
  readonly attributes: Map<string, string>;
  readonly tags: Tags;
}

/** What reads and changes the attributes of one kind of thing: all those that it has, and none besides. */
export function attributeHandlers(
  kind: "LoadBalancer" | "TargetGroup" | "Listener",
  find: (call: Call, arn: string) => Owner | undefined,
): Readonly<Record<string, Handler>> {
  const owner = (call: Call): Owner => {
    const arn = text(call.input, `${kind}Arn`);
    const found = find(call, arn);
    if (found === undefined) throw new AwsError(`${kind}NotFound`, `'${arn}' not found`);
    return found;
  };
  const shown = ({ attributes }: Owner): Value => ({
    Attributes: [...attributes].map(([Key, Value]) => ({ Key, Value })),
  });
  return {
    [`Describe${kind}Attributes`]: (call) => shown(owner(call)),
    [`Modify${kind}Attributes`]: (call) => {
      const one = owner(call);
      for (const entry of list(call.input, "Attributes")) {
        const key = text(entry, "Key");
        if (!one.attributes.has(key)) throw new AwsError("InvalidConfigurationRequest", `no attribute ${key}`);
        one.attributes.set(key, maybe(entry, "Value") ?? "");
      }
      return shown(one);
    },
  };
}
