import { parse as parseYaml } from "yaml";
import { errorMessage } from "../../../src/base/index.ts";
import { type Protobuf, protobufType } from "../protobuf.ts";
import { badRequest, unsupportedMediaType } from "../status.ts";
import type { ApiRequest } from "./message.ts";

const readable = ["application/json", "application/yaml", protobufType];

/** The media type of a request's body, without parameters. */
export function mediaType(request: ApiRequest): string {
  return (request.header("content-type") ?? "").split(";")[0]?.trim() ?? "";
}

/** The body as a JSON value; undefined when there is none. */
export async function readBody(
  request: ApiRequest,
  protobuf: Protobuf,
  types: readonly string[] = readable,
): Promise<unknown> {
  const type = mediaType(request) || "application/json";
  if (!types.includes(type)) throw unsupportedMediaType(types);
  const bytes = await request.body();
  if (type === protobufType) return bytes.length === 0 ? undefined : protobuf.decode(bytes);
  const text = bytes.toString();
  if (text.trim() === "") return undefined;
  try {
    return type === "application/yaml" ? parseYaml(text) : JSON.parse(text);
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${errorMessage(error)}`);
  }
}
