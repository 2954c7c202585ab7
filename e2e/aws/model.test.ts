import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { Api } from "../../providers/aws/aws.ts";
import { modelFiles, modelText } from "./testing/botocore.ts";

it.each(Object.keys(modelFiles) as Api[])(
  "what the stand-in knows of %s is what botocore says (else: e2e/tools/aws-model.ts)",
  (api) => {
    expect(readFileSync(modelFiles[api], "utf8")).toBe(modelText(api));
  },
);
