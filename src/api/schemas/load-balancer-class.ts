import { z } from "zod";
import type { LoadBalancerClass } from "../index.ts";
import { conditions } from "./condition.ts";
import { exactly } from "./exactly.ts";
import { empty, objectFields, set, text, whole } from "./fields.ts";
import { annotationKey, annotationValues, className } from "./keys.ts";
import { type Parsed, parseWith } from "./parsed.ts";
import { selector } from "./selector.ts";

const block: z.ZodType<Record<string, unknown>, Record<string, unknown>> = empty;
const provider = block.exactOptional();

/** As names in Google Cloud are. */
const networkTag = text(63).refine((each) => /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(each), {
  error: "is no network tag; give lower-case letters, digits and dashes, a letter first, at most 63",
});
/** Old projects have that of a domain before it. */
const project = text(93).refine((each) => /^([a-z0-9.-]+:)?[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(each), {
  error: "is no id of a project; give lower-case letters, digits and dashes, as in shared-network-1",
});
const gcpL4 = z.object({
  nodeTags: set(networkTag, { max: 64 }).exactOptional(),
  disableFirewalls: z.boolean().exactOptional(),
  networkProject: project.exactOptional(),
});

const providers = {
  proxy: provider,
  node: provider,
  awsNlb: provider,
  gcpL4: gcpL4.exactOptional(),
  l2: provider,
  bgp: provider,
};

const band = z.object({ from: whole(1, 65535), to: whole(1, 65535) }).refine(({ from, to }) => from <= to, {
  error: "from must not be above to; swap them",
});

const nodePorts = z
  .object({ policy: z.enum(["Require", "Ensure", "Never"]), band: band.exactOptional() })
  .refine(({ policy, band }) => band === undefined || policy === "Ensure", {
    error: "band is used with policy Ensure only; remove band, or set policy to Ensure",
  });

const limits = z.object({
  total: whole(1, 1_000_000).exactOptional(),
  perNamespace: whole(1, 1_000_000).exactOptional(),
  portsPerService: whole(1, 65535).exactOptional(),
});

const spec = z
  .object({
    loadBalancerClass: className,
    ...providers,
    isDefault: z.boolean().default(false),
    defaults: annotationValues.exactOptional(),
    allowedNamespaces: selector.exactOptional(),
    allowedOverrides: set(annotationKey, { max: 128 }).exactOptional(),
    limits: limits.exactOptional(),
    schemes: set(z.enum(["internal", "internet-facing"]), { min: 1, max: 2 }).exactOptional(),
    nodeSelector: selector.exactOptional(),
    nodePorts: nodePorts.exactOptional(),
    deletionPolicy: z.enum(["Delete", "Retain"]).default("Delete"),
  })
  .refine((spec) => Object.keys(providers).filter((name) => Object.hasOwn(spec, name)).length === 1, {
    error:
      "exactly one of proxy, node, awsNlb, gcpL4, l2 and bgp must be set; add the one that provides the load balancers ({} will do) and remove the others",
  });

const status = z.object({ provider: text(63).exactOptional(), conditions: conditions.exactOptional() });

/** What `charts/berth/files/crds/loadbalancerclasses.yaml` says. */
export const classSchema: z.ZodType<LoadBalancerClass> = exactly<LoadBalancerClass>()(
  z.object({ ...objectFields, spec, status: status.exactOptional() }),
);

/** Checks a LoadBalancerClass as the API server does. */
export function parseClass(object: unknown): Parsed<LoadBalancerClass> {
  return parseWith(classSchema, object);
}
