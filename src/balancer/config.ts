// The files through which a load balancer's owner and its `berth balancer` process talk: `config.json` says what is
// wanted, `status.json` what is in force, `pid` who works on it. Pure: text in, values out. Invariant: a file is
// replaced as a whole (written beside it, then renamed), so a reader never sees half of one.
import { createHash } from "node:crypto";
import { z } from "zod";
import { UsageError } from "../base/index.ts";
import { formatCidr, formatIp, parseCidr, parseIp } from "../net/index.ts";

export { type BalancerStatus, parseBalancerStatus, renderBalancerStatus, type TargetStatus } from "./status.ts";

/** Names of the files in the directory of one load balancer. */
export const balancerFiles = { config: "config.json", status: "status.json", pid: "pid" } as const;

export type BalancerFile = (typeof balancerFiles)[keyof typeof balancerFiles];

export interface BalancerPort {
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
  readonly nodePort: number;
}

/** A node; it takes traffic of the families of which it has an address (the first one counts). */
export interface BalancerTarget {
  readonly name: string;
  readonly addresses: readonly string[];
}

export interface HealthCheck {
  readonly port: number;
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that take a healthy target out. */
  readonly unhealthyAfter: number;
  /** Successes in a row that bring an unhealthy target back. */
  readonly healthyAfter: number;
}

export type SessionAffinity =
  | { readonly kind: "None" }
  /** A client that came within this time goes where it went then. */
  | { readonly kind: "ClientIP"; readonly timeoutSeconds: number };

/** What one load balancer has to do. Addresses and prefixes are in their canonical form. */
export interface BalancerConfig {
  /** Where clients connect to. */
  readonly addresses: readonly string[];
  readonly ports: readonly BalancerPort[];
  readonly targets: readonly BalancerTarget[];
  readonly healthCheck: HealthCheck;
  /** Empty: everybody may connect. */
  readonly sourceRanges: readonly string[];
  readonly sessionAffinity: SessionAffinity;
  /** How long open TCP connections to a target or port that is no longer wanted may go on. */
  readonly drainSeconds: number;
}

/** Reads the text of `file`. Throws `UsageError` that names the file, the first wrong field and what it takes. */
export function parseBalancerConfig(text: string, file: string): BalancerConfig {
  const parsed = schema.safeParse(parseJson(text, file));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${file}: ${fieldPath(issue?.path ?? [])}: ${issue?.message ?? "invalid"}`);
}

export function renderBalancerConfig(config: BalancerConfig): string {
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** Names a text by its content: short enough for a file or a comment, long enough never to collide by chance. */
export function textHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file}: not JSON`, { cause: error });
  }
}

/** `ports[0].nodePort`; the whole document has no name of its own. */
function fieldPath(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return text === "" ? "the document" : text.replace(/^\./, "");
}

const address = z.string().transform((text, context) => {
  const ip = parseIp(text);
  if (ip !== undefined) return formatIp(ip);
  context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is no IP address` });
  return z.NEVER;
});

const prefix = z.string().transform((text, context) => {
  const cidr = parseCidr(text);
  if (cidr !== undefined) return formatCidr(cidr);
  context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is no prefix; give ADDRESS/BITS` });
  return z.NEVER;
});

const port = z.int().min(1).max(65_535);

/** As long as an AWS target group may take. */
export const maxDrainSeconds = 3600;

const schema = z.strictObject({
  addresses: z.array(address).min(1),
  ports: z
    .array(z.strictObject({ protocol: z.enum(["TCP", "UDP"]), port, nodePort: port }))
    .min(1)
    .refine((ports) => unique(ports.map((p) => `${p.protocol} ${p.port}`)), "two entries of one protocol and port"),
  targets: z
    .array(z.strictObject({ name: z.string().min(1), addresses: z.array(address) }))
    .refine((targets) => unique(targets.map(({ name }) => name)), "two entries of one name"),
  healthCheck: z.strictObject({
    port,
    path: z.string().regex(/^\/[!-~]*$/, "must start with / and hold printable ASCII without spaces"),
    intervalMs: z.int().min(1),
    timeoutMs: z.int().min(1),
    unhealthyAfter: z.int().min(1),
    healthyAfter: z.int().min(1),
  }),
  sourceRanges: z.array(prefix),
  sessionAffinity: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("None") }),
    z.strictObject({ kind: z.literal("ClientIP"), timeoutSeconds: z.int().min(1).max(86_400) }),
  ]),
  drainSeconds: z.int().min(0).max(maxDrainSeconds),
}) satisfies z.ZodType<BalancerConfig>;

function unique(keys: readonly string[]): boolean {
  return new Set(keys).size === keys.length;
}
