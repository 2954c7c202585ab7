// Forms that texts in values have, as JSON schemas. People read the patterns in Helm's messages: they are short, and leave
// the rest to the guards of the chart and to who reads the value. Without look-around, which Go has not.
import type { Schema } from "./value.ts";

function whole(pattern: string): Schema {
  return { type: "string", pattern: `^${pattern}$` };
}

const prefixText = "[0-9A-Fa-f.:]+/[0-9]{1,3}";
const rangeText = "[0-9]{1,5}([-+][0-9]{1,5})?";

/** An address, or a name that DNS knows; or nothing. */
export const host: Schema = whole("([A-Za-z0-9.-]*|[0-9A-Fa-f.:]+)");

export const address: Schema = whole("[0-9A-Fa-f.:]+");
export const prefix: Schema = whole(prefixText);
export const prefixes: Schema = whole(`(${prefixText},? *)*`);
export const portRange: Schema = whole(rangeText);
export const portRanges: Schema = whole(`(${rangeText},? *)*`);

/** Where a process listens. */
export const endpoint: Schema = whole("([0-9.]+|\\[[0-9A-Fa-f.:]+\\]):[0-9]{1,5}");

/** `spec.externalIPs` that are served. */
export const externalIps: Schema = whole(`(all|none|(${prefixText},? *)*)`);

export const nodePortAddresses: Schema = { type: "array", items: whole(`(primary|localhost|all|${prefixText})`) };

/** Of an object, such as a Secret; or nothing. */
export const objectName: Schema = { ...whole("[a-z0-9.-]*"), maxLength: 253 };

export const labelValue: Schema = { ...whole("([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?"), maxLength: 63 };

/** Labels, or a choice by labels. */
export const labels: Schema = { additionalProperties: labelValue };

/** Where images are: a host and a path, without a scheme; or nothing. */
export const registry: Schema = whole("([A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*/?)?");
export const repository: Schema = whole("[a-z0-9]+([._/-]+[a-z0-9]+)*");

export const quantity: Schema = { type: ["string", "number"], pattern: "^[0-9.]+([numkMGTPE]|[KMGTPE]i|[eE][0-9]+)?$" };
