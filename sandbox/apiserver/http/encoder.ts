import type { KubeObject } from "../object.ts";
import type { ResourceType } from "../resource-type.ts";
import { shown } from "./representation.ts";

/** Stored objects never change, so each is turned into text once for all watchers of a type. */
export class Encoder {
  readonly #texts = new WeakMap<ResourceType, WeakMap<KubeObject, string>>();

  encode(type: ResourceType, object: KubeObject): string {
    const texts = this.#texts.get(type) ?? new WeakMap<KubeObject, string>();
    this.#texts.set(type, texts);
    const text = texts.get(object) ?? JSON.stringify(shown(type, object));
    texts.set(object, text);
    return text;
  }
}
