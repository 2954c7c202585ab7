// The real helm on our chart: values -> objects, without a cluster.
import { spawnSync } from "node:child_process";
import { parseAllDocuments } from "yaml";

const root = new URL("../..", import.meta.url).pathname;
export const helmPath: string = `${root}.tools/helm`;
export const chartPath: string = `${root}charts/berth`;

export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** What a release is rendered for. */
export interface Setting {
  readonly values?: object;
  readonly namespace?: string;
  /** More arguments of helm. */
  readonly args?: readonly string[];
}

/** Helm said no. */
export class HelmError extends Error {
  override readonly name = "HelmError";
}

/** The manifest as helm writes it. Throws HelmError with what helm says. */
export function manifest({ values = {}, namespace = "kube-system", args = [] }: Setting): string {
  return helm(["template", "berth", chartPath, "--namespace", namespace, "--values=-", ...args], values);
}

/** The objects of a release. Throws HelmError. */
export function render(setting: Setting): readonly Rendered[] {
  return parseAllDocuments(manifest(setting))
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}

/** `helm lint --strict`. Throws HelmError. */
export function lint(values: object): string {
  return helm(["lint", "--strict", chartPath, "--values=-"], values);
}

function helm(args: readonly string[], values: object): string {
  const { status, stdout, stderr } = spawnSync(helmPath, args, {
    input: JSON.stringify(values),
    encoding: "utf8",
    // Nothing of who runs it.
    env: { HOME: "/nonexistent" },
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new HelmError(stderr || stdout);
  return stdout;
}
