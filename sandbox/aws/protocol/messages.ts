import { type Api, misfit, models } from "./model.ts";
import { AwsError } from "./refusal.ts";
import { decodeForm, encodeXml, type Input, xml } from "./wire.ts";

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const versions: Readonly<Record<string, Api>> = { "2015-12-01": "elb", "2016-11-15": "ec2", "2011-06-15": "sts" };
const ofEc2 = { unknown: "UnknownParameter", missing: "MissingParameter", wrong: "InvalidParameterValue" } as const;

/** What one of AWS' services is asked, and how it answers. */
export class Request {
  readonly action: string;
  /** As the SDK is given it. */
  readonly input: Input;
  readonly #api: Api;

  /** `target`: of the services that speak JSON. */
  constructor(body: string, target: string | undefined) {
    const form = new URLSearchParams(body);
    this.#api = target === undefined ? (versions[form.get("Version") ?? ""] ?? "sts") : "tagging";
    this.action = target?.split(".").at(-1) ?? form.get("Action") ?? "";
    const { operations } = models[this.#api];
    this.input =
      target === undefined
        ? decodeForm(this.#api, models[this.#api], operations[this.action]?.input, form)
        : (JSON.parse(body) as Input);
  }

  /** Refuses what AWS' model does not admit, as each of its services puts it. */
  check(): void {
    const model = models[this.#api];
    const wrong = misfit(model, "request", model.operations[this.action]?.input ?? "", this.input);
    if (wrong === undefined) return;
    const { kind, path, value, constraint } = wrong;
    const others = this.#api === "tagging" ? "InvalidParameterException" : "ValidationError";
    const message = `Value ${JSON.stringify(value)} at '${path}' failed to satisfy constraint: ${constraint}`;
    throw new AwsError(this.#api === "ec2" ? ofEc2[kind] : others, message);
  }

  /** What does not fit the model is a mistake of the stand-in. */
  answer(value: object): Reply {
    const [model, api, action] = [models[this.#api], this.#api, this.action];
    const { output } = model.operations[action] ?? {};
    const wrong = output === undefined ? undefined : misfit(model, "answer", output, value);
    if (wrong !== undefined) throw new Error(`${action} answers ${JSON.stringify(wrong)}`);
    if (api === "tagging") return json(200, value);
    const body = encodeXml(model, output ?? "", `${action}${api === "ec2" ? "Response" : "Result"}`, value);
    return { status: 200, type: "text/xml", body: api === "ec2" ? body : xml(`${action}Response`, [body]) };
  }

  refusal({ code, message, status }: AwsError): Reply {
    if (this.#api === "tagging") return json(status, { __type: code, message });
    const error = xml("Error", [xml("Code", [code]), encodeXml(models[this.#api], "", "Message", message)]);
    const body = this.#api === "ec2" ? xml("Response", [xml("Errors", [error])]) : xml("ErrorResponse", [error]);
    return { status, type: "text/xml", body };
  }
}

function json(status: number, value: object): Reply {
  return { status, type: "application/x-amz-json-1.1", body: JSON.stringify(value) };
}
