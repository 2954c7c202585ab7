import { type Api, misfit, models } from "./model.ts";
import { AwsError } from "./refusal.ts";
import { decodeForm, encodeXml, type Input, xml } from "./wire.ts";

const versions: Readonly<Record<string, Api>> = { "2015-12-01": "elb", "2016-11-15": "ec2", "2011-06-15": "sts" };

/** What a request asks for. `target`: of the services that speak JSON. */
export function requestIn(body: string, target: string | readonly string[] | undefined): Request {
  if (target !== undefined)
    return { api: "tagging", action: [target].flat().join().split(".").at(-1) ?? "", input: JSON.parse(body) as Input };
  const form = new URLSearchParams(body);
  const [action, api] = [form.get("Action") ?? "", versions[form.get("Version") ?? ""] ?? "sts"];
  return { api, action, input: decodeForm(api, models[api], models[api].operations[action]?.input, form) };
}

export interface Request {
  readonly api: Api;
  readonly action: string;
  /** As the SDK is given it. */
  readonly input: Input;
}

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** What does not fit the model is a mistake of the stand-in. */
export function answer(api: Api, action: string, value: object): Reply {
  const { output: shape } = models[api].operations[action] ?? {};
  const wrong = shape === undefined ? undefined : misfit(models[api], "answer", shape, value);
  if (wrong !== undefined) throw new Error(`${action} answers ${JSON.stringify(wrong)}`);
  if (api === "tagging") return { status: 200, type: "application/x-amz-json-1.1", body: JSON.stringify(value) };
  const body = encodeXml(models[api], shape ?? "", `${action}${api === "ec2" ? "Response" : "Result"}`, value);
  return { status: 200, type: "text/xml", body: api === "ec2" ? body : xml(`${action}Response`, [body]) };
}

/** The form of an error. */
export function refusal(api: Api, { code, message, status }: AwsError): Reply {
  if (api === "tagging")
    return { status, type: "application/x-amz-json-1.1", body: JSON.stringify({ __type: code, message }) };
  const error = xml("Error", [xml("Code", [code]), encodeXml(models[api], "", "Message", message)]);
  const body = api === "ec2" ? xml("Response", [xml("Errors", [error])]) : xml("ErrorResponse", [error]);
  return { status, type: "text/xml", body };
}

/** Refuses what AWS' model does not admit, as each of its services puts it. */
export function checkInput(api: Api, action: string, input: Input): void {
  const wrong = misfit(models[api], "request", models[api].operations[action]?.input ?? "", input);
  if (wrong === undefined) return;
  const { kind, path, value, constraint } = wrong;
  const codes = { unknown: "UnknownParameter", missing: "MissingParameter", wrong: "InvalidParameterValue" };
  const code = api === "ec2" ? codes[kind] : api === "tagging" ? "InvalidParameterException" : "ValidationError";
  const message = `Value ${JSON.stringify(value)} at '${path}' failed to satisfy constraint: ${constraint}`;
  throw new AwsError(code, message);
}
