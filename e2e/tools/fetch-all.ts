// Reads pages from the namespace that it runs in: `node fetch-all.ts URL...` prints a JSON list of `Page`s.

export interface Page {
  readonly url: string;
  /** 0 when nobody answers. */
  readonly status: number;
  /** Without parameters. */
  readonly type: string;
  readonly body: string;
}

async function read(url: string): Promise<Page> {
  try {
    const answer = await fetch(url);
    const [type = ""] = (answer.headers.get("content-type") ?? "").split(";");
    return { url, status: answer.status, type, body: await answer.text() };
  } catch {
    return { url, status: 0, type: "", body: "" };
  }
}

if (import.meta.main) process.stdout.write(JSON.stringify(await Promise.all(process.argv.slice(2).map(read))));
