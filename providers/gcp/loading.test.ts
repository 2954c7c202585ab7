import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

/** What a process has loaded of the npm client's packages once it has run this. */
function loaded(code: string): readonly string[] {
  const report = `
    import { createRequire } from "node:module";
    ${code}
    const files = Object.keys(createRequire(import.meta.url).cache);
    process.stdout.write(JSON.stringify(files.filter((file) => /@google-cloud|google-gax/.test(file))));`;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", report];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: "utf8" })) as string[];
}

it("G20: nothing of the npm client is loaded by the controller, nor by this provider before it is made", () => {
  const modules = ["../../src/cli/controller.ts", "../node/index.ts", "../proxy/index.ts", "./index.ts"];
  expect(loaded(modules.map((module) => `await import("${module}");`).join("\n"))).toEqual([]);
});

it("G20: once it is made there are the parts that it uses, and not the whole of it", () => {
  const files = loaded(`
    const { connect } = await import("./client.ts");
    await connect(new URL("http://127.0.0.1:1"));`);
  const clients = files.filter((file) => file.includes("/build/src/v1/") && file.endsWith("_client.js"));
  expect(clients).toHaveLength(10);
  expect(files.filter((file) => /compute\/build\/(src\/index|src\/v1beta|protos\/protos\.js$)/.test(file))).toEqual([]);
});
