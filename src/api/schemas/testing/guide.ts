import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** An object as it is shown to users. */
export interface Example {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: object;
  readonly status?: object;
}

const guide = readFileSync(new URL("../../../../docs/crds.md", import.meta.url), "utf8");

/** The objects in `docs/crds.md`, a full one of each kind. */
export const examples: readonly Example[] = blocks("yaml").map((text) => parse(text));

/** The commands in `docs/crds.md` with what they print. */
export const commands: readonly { readonly command: string; readonly output: string }[] = blocks("console").map(
  (text) => {
    const [first = "", ...output] = text.split("\n");
    return { command: first.replace("$ kubectl ", ""), output: output.join("\n") };
  },
);

function blocks(language: string): string[] {
  return [...guide.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].flatMap(([, word, text = ""]) =>
    word === language ? [text] : [],
  );
}
