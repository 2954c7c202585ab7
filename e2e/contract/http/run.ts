import { Agent, type Dispatcher, errors } from "undici";
import { stringify } from "yaml";
import { sleep } from "../../../src/base/index.ts";
import { loadKubeconfig } from "../../../src/kube/index.ts";
import { Normaliser } from "../normalise.ts";
import { Captured } from "../steps.ts";
import { Transcript } from "../transcript.ts";
import type { Exchange } from "./exchange.ts";

/** One exchange of the transcript. */
export interface Entry {
  readonly request: string;
  readonly body?: unknown;
  readonly status: number;
  readonly warning: string;
  /** YAML of the answer, for people to read: one document, or one per event of a watch. */
  readonly answer: string;
}

export const httpTranscript: Transcript<Entry> = new Transcript<Entry>(new URL("testdata/", import.meta.url), {
  status: 200,
  warning: "",
  answer: "",
});

interface Answer {
  readonly status: number;
  readonly warning: string;
  readonly documents: readonly unknown[];
}

/** Sends the exchanges, one after the other, as the administrator that the kubeconfig names. */
export async function runExchanges(exchanges: readonly Exchange[], kubeconfig: string): Promise<Entry[]> {
  const connection = await loadKubeconfig(kubeconfig);
  const { tls, headers } = await connection.credentials();
  const agent = new Agent({ connect: tls });
  await using _ = { [Symbol.asyncDispose]: () => agent.destroy() };
  const run = new Run(agent, connection.server, headers);
  await run.exchange(exchanges);
  const normaliser = new Normaliser();
  return run.answers.map(({ exchange, answer }) => ({
    request: exchange.request,
    ...(exchange.body !== undefined && { body: exchange.body }),
    status: answer.status,
    warning: answer.warning,
    answer: normaliser.next()(answer.documents.map((document) => asText(document, exchange.brief)).join("---\n")),
  }));
}

class Run {
  /** In the order in which they ended. */
  readonly answers: { readonly exchange: Exchange; readonly answer: Answer }[] = [];
  readonly #dispatcher: Dispatcher;
  readonly #origin: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #captured = new Captured();

  constructor(dispatcher: Dispatcher, origin: string, headers: Readonly<Record<string, string>>) {
    this.#dispatcher = dispatcher;
    this.#origin = origin;
    this.#headers = headers;
  }

  async exchange(exchanges: readonly Exchange[]): Promise<void> {
    for (const exchange of exchanges) {
      const answer = await this.#sendUntil(exchange);
      this.answers.push({ exchange, answer });
      for (const [name, path] of Object.entries(exchange.capture ?? {})) {
        this.#captured.set(name, field(answer.documents[0], path));
      }
    }
  }

  /** The first answer that says what is waited for; the last one when none does in time. */
  async #sendUntil(exchange: Exchange): Promise<Answer> {
    const limit = performance.now() + 10_000;
    for (;;) {
      const answer = await this.#send(exchange);
      const isAsked = exchange.until === undefined || exchange.until.test(JSON.stringify(answer.documents));
      if (isAsked || performance.now() > limit) return answer;
      await sleep(10, new AbortController().signal);
    }
  }

  async #send({ request, headers, body, events, during = [] }: Exchange): Promise<Answer> {
    const [method = "", path = ""] = this.#captured.fill(request).split(" ");
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const response = await this.#dispatcher.request({
      origin: this.#origin,
      path,
      method,
      headers: {
        accept: "application/json",
        "content-type": "application/json",
        ...this.#headers,
        ...this.#filled(headers),
      },
      body: text === undefined ? null : this.#captured.fill(text),
      bodyTimeout: 10_000,
      headersTimeout: 10_000,
    });
    const { statusCode: status } = response;
    const warning = [response.headers["warning"] ?? []].flat().join("\n");
    if (events === undefined || status !== 200)
      return { status, warning, documents: [parse(await response.body.text())] };

    await this.exchange(during);
    return { status, warning, documents: await readEvents(response.body.setEncoding("utf8"), events) };
  }

  #filled(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, this.#captured.fill(value)]));
  }
}

async function readEvents(stream: AsyncIterable<string>, count: number): Promise<unknown[]> {
  let text = "";
  try {
    for await (const chunk of stream) {
      text += chunk;
      if (text.split("\n").length > count) break;
    }
  } catch (error) {
    // Too few events in time: what came tells which one is missing.
    if (!(error instanceof errors.BodyTimeoutError)) throw error;
  }
  return text.split("\n").slice(0, -1).slice(0, count).map(parse);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trimEnd();
  }
}

function field(document: unknown, path: string): string {
  const value = path
    .split(".")
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
  return String(value);
}

/** What of an answer is part of the contract. */
function asText(document: unknown, brief = false): string {
  const contract = JSON.parse(JSON.stringify(document), reduce);
  if (typeof contract === "string") return `${contract}\n`;
  return stringify(brief ? { code: contract.code, reason: contract.reason } : contract, {
    lineWidth: 0,
    sortMapEntries: true,
  });
}

/**
 * Neither managed fields nor fields that are null, as Go writes zero times; of tables neither the prose about columns
 * nor ages; of bookmarks the metadata. Who equals the version of a list or a bookmark is chance: others write, too.
 */
function reduce(key: string, value: unknown): unknown {
  if (key === "managedFields" || value === null) return undefined;
  if (typeof value !== "object") return typeof value === "string" && /^(?:\d+[ydhms])+$/.test(value) ? "<age>" : value;
  const { kind, type, metadata, object } = value as Answered;
  // Their order is that of bindings in a cache.
  if (key === "resourceRules" || key === "nonResourceRules")
    return (value as object[])
      .map((rule) => JSON.stringify(rule))
      .toSorted()
      .map(parse);
  if (key === "columnDefinitions") return (value as object[]).map((column) => ({ ...column, description: undefined }));
  if (typeof kind === "string" && (kind === "Table" || kind.endsWith("List"))) {
    return { ...value, metadata: { ...metadata, resourceVersion: metadata?.resourceVersion && "<version>" } };
  }
  if (type === "BOOKMARK") {
    return {
      type,
      object: {
        ...object,
        spec: undefined,
        status: undefined,
        metadata: { ...object?.metadata, resourceVersion: "<version>" },
      },
    };
  }
  return value;
}

interface Answered {
  /** A text, but in a schema that has a property of this name. */
  readonly kind?: unknown;
  readonly type?: string;
  readonly metadata?: { readonly resourceVersion?: string };
  readonly object?: { readonly metadata?: object };
}
