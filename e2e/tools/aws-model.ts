// Writes anew what is checked in of botocore for the stand-in of AWS, from the one beside moto (`make setup-aws`).
import { writeFileSync } from "node:fs";
import type { Api } from "../../providers/aws/aws.ts";
import { modelFiles, modelText } from "../aws/testing/botocore.ts";

for (const [api, file] of Object.entries(modelFiles)) writeFileSync(file, modelText(api as Api));
