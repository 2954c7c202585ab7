import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

/** What a process has loaded of the clients of clouds once it has run this. */
function loaded(code: string): readonly string[] {
  const report = `
    import { registerHooks } from "node:module";
    const files = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context);
        files.add(found.url);
        return found;
      },
    });
    ${code}
    process.stdout.write(JSON.stringify([...files].filter((file) => /@google-cloud|google-gax|@aws-sdk/.test(file))));`;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", report];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: "utf8" })) as string[];
}

it("G20: nothing of any client is loaded by the controller, nor by this provider before it is made", () => {
  const modules = [
    "../../src/cli/controller.ts",
    "../node/index.ts",
    "../proxy/index.ts",
    "../aws/index.ts",
    "./index.ts",
  ];
  expect(loaded(modules.map((module) => `await import("${module}");`).join("\n"))).toEqual([]);
});

it("G20: once it is made there are the parts that it uses, not the whole of it, and nothing of another cloud", () => {
  const files = loaded(`
    const { connect } = await import("./client.ts");
    await connect(new URL("http://127.0.0.1:1"));`);
  const clients = files.filter((file) => file.includes("/build/src/v1/") && file.endsWith("_client.js"));
  expect(clients).toHaveLength(10);
  expect(files.filter((file) => /compute\/build\/(src\/index|src\/v1beta|protos\/protos\.js$)/.test(file))).toEqual([]);
  expect(files.filter((file) => file.includes("@aws-sdk"))).toEqual([]);
});

it("G20: with another cloud's provider at work nothing of this one's client is loaded", () => {
  const files = loaded(`
    const { SdkClient } = await import("../aws/client.ts");
    const { Requests } = await import("../../src/provider/index.ts");
    const { systemClock } = await import("../../src/base/index.ts");
    const requests = new Requests({ fence: () => undefined, clock: systemClock });
    const endpoints = { elb: "http://127.0.0.1:1" };
    const client = new SdkClient({ region: "eu-west-1", endpoints, requests });
    const asked = client.read("DescribeLoadBalancers", {}, new AbortController().signal);
    await asked.then(() => process.exit(1), () => undefined);`);
  expect(files.some((file) => file.includes("@aws-sdk/client-elastic-load-balancing-v2"))).toBe(true);
  expect(files.filter((file) => /@google-cloud|google-gax/.test(file))).toEqual([]);
});
