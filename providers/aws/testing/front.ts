import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** What comes of a request: AWS' own answer, a part of it, a page of somebody between, or nothing. */
export type Way =
  | "answer"
  | "half an answer"
  | "a cut answer"
  | "an empty answer"
  | "a page"
  | "a whole page"
  | "a page of an error"
  | "a refusal of a proxy"
  | "nothing"
  | "silence";

/** Answers of others: status and text. */
const pages: Readonly<Partial<Record<Way, readonly [status: number, text: string]>>> = {
  "an empty answer": [200, ""],
  "a page": [200, "<html><body>Log in"],
  "a whole page": [200, "<html><body>Log in</body></html>"],
  "a page of an error": [502, "<html><body>Bad Gateway</body></html>"],
  "a refusal of a proxy": [403, "<html><body>Not from here</body></html>"],
};

/** Stands between a client and an account, as proxies, captive portals and broken networks do. */
export class Front implements AsyncDisposable {
  way: Way = "answer";
  /** So many requests have come. */
  count = 0;
  readonly #behind: string;
  readonly #server: Server;

  private constructor(behind: string) {
    this.#behind = behind;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(behind: string): Promise<Front> {
    const front = new Front(behind);
    await new Promise<void>((resolve) => front.#server.listen(0, "127.0.0.1", resolve));
    return front;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.count++;
    const sent = await text(request);
    const { way } = this;
    if (way === "silence") return;
    if (way === "nothing") return void request.socket.destroy();
    const page = pages[way];
    if (page !== undefined) return void response.writeHead(page[0], { "content-type": "text/html" }).end(page[1]);
    const { "x-amz-target": target, "content-type": type = "" } = request.headers;
    const headers = { "content-type": type, ...(target !== undefined && { "x-amz-target": [target].flat().join() }) };
    const answer = await fetch(this.#behind, { method: "POST", headers, body: sent });
    const body = await answer.text();
    const half = body.slice(0, body.length / 2);
    const length = `${way === "half an answer" ? half.length : Buffer.byteLength(body)}`;
    response.writeHead(answer.status, {
      "content-type": answer.headers.get("content-type") ?? "",
      "content-length": length,
    });
    if (way === "a cut answer") response.write(half, () => request.socket.destroy());
    else response.end(way === "answer" ? body : half);
  }
}
