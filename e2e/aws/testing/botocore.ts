// What botocore says that AWS' requests and answers hold: the part of it that the provider aws-nlb can send, as it is
// checked in for the stand-in (sandbox/aws/model).
import { globSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type Api, apiOf } from "../../../providers/aws/aws.ts";

const root = new URL("../../..", import.meta.url).pathname;
const folders: Readonly<Record<Api, string>> = {
  elb: "elbv2/2015-12-01",
  ec2: "ec2/2016-11-15",
  tagging: "resourcegroupstaggingapi/2017-01-26",
  sts: "sts/2011-06-15",
};

/** Of longer ones the values are left out: the hundreds of types of instances change every week. */
const maxEnum = 500;

interface Shape {
  readonly type: string;
  readonly members?: Readonly<Record<string, Member>>;
  readonly member?: Member;
  readonly enum?: readonly string[];
  readonly error?: { readonly code?: string };
}

interface Member {
  readonly shape: string;
}

interface Operation {
  readonly input?: Member;
  readonly output?: Member;
  readonly errors?: readonly Member[];
}

interface Service {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

export const modelFiles: Readonly<Record<Api, string>> = {
  elb: `${root}sandbox/aws/model/elb.json`,
  ec2: `${root}sandbox/aws/model/ec2.json`,
  tagging: `${root}sandbox/aws/model/tagging.json`,
  sts: `${root}sandbox/aws/model/sts.json`,
};

/** The text of the file that is checked in for one of AWS' services, from the botocore beside moto. */
export function modelText(api: Api): string {
  const service = readService(folders[api]);
  const names = Object.entries(apiOf).flatMap(([name, of]) => (of === api ? [name] : []));
  const operations = names.toSorted().map((name) => [name, operationOf(service, name)] as const);
  const roots = operations.flatMap(([, { input, output }]) => [input ?? [], output ?? []].flat());
  const shapes = reachable(service, roots).map((name) => [name, shapeOf(service, name)] as const);
  return `{\n${section("operations", operations)},\n${section("shapes", shapes)}\n}\n`;
}

function readService(folder: string): Service {
  const pattern = `${root}.tools/moto/lib/python3*/site-packages/botocore/data/${folder}/service-2.json.gz`;
  const [file] = globSync(pattern);
  if (file === undefined) throw new Error(`no ${pattern}; 'make setup-aws' installs it`);
  return JSON.parse(gunzipSync(readFileSync(file)).toString("utf8")) as Service;
}

function operationOf(
  { operations, shapes }: Service,
  name: string,
): { readonly input: string | undefined; readonly output: string | undefined; readonly errors: readonly string[] } {
  const { input, output, errors = [] } = operations[name] ?? {};
  const codes = errors.map(({ shape }) => shapes[shape]?.error?.code ?? shape);
  return { input: input?.shape, output: output?.shape, errors: codes.toSorted() };
}

function reachable({ shapes }: Service, roots: readonly string[]): readonly string[] {
  const found = new Set(roots);
  for (const name of found) {
    const { members = {}, member } = shapes[name] ?? {};
    for (const { shape } of [...Object.values(members), ...(member === undefined ? [] : [member])]) found.add(shape);
  }
  return [...found].sort();
}

/** Without its documentation. */
function shapeOf({ shapes }: Service, name: string): object {
  const keys = ["type", "required", "members", "member", "enum", "min", "max", "pattern", "flattened"];
  const shape = shapes[name] ?? { type: "" };
  const isLong = (shape.enum ?? []).length > maxEnum;
  const { members, member } = shape;
  return {
    ...picked(shape, isLong ? keys.filter((key) => key !== "enum") : keys),
    ...(members !== undefined && {
      members: Object.fromEntries(Object.entries(members).map(([key, one]) => [key, memberOf(one)])),
    }),
    ...(member !== undefined && { member: memberOf(member) }),
  };
}

function memberOf(member: Member): object {
  return picked(member, ["shape", "locationName", "queryName", "flattened"]);
}

function picked(from: object, keys: readonly string[]): object {
  return Object.fromEntries(keys.flatMap((key) => (Object.hasOwn(from, key) ? [[key, from[key as never]]] : [])));
}

/** A line for each, so that a change of AWS' is a short diff. */
function section(title: string, entries: readonly (readonly [string, object])[]): string {
  const lines = entries.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return `${JSON.stringify(title)}: {\n${lines.join(",\n")}\n}`;
}
