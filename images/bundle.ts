// The program of an image: our sources and the packages that they use, in few files that Node loads as they are needed.
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createRequire, isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { entrypoint, type Image } from "./contents.ts";
import { protosOf, servicesOf } from "./google-protos.ts";

const root = new URL("..", import.meta.url).pathname;
const place = "usr/lib/berth";

/** Packages of which no file does anything by being loaded, so that those of which nothing is used can be left out. */
const idle: readonly string[] = ["@kubernetes/client-node"];

/** What a bundle was made from: paths of ours and of packages, from the root of the tree. */
export async function bundle(image: Pick<Image, "entry">, directory: string): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { berth: image.entry },
    outdir: directory,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node26",
    // Of packages without `exports`: modules of the newer form can be left out one by one.
    mainFields: ["module", "main"],
    legalComments: "none",
    metafile: true,
    plugins: [onlyWhatIsUsed, shapesByName, protosBeside],
    // For packages that are written in the older form of modules.
    banner: {
      js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url); const __dirname = import.meta.dirname;`,
    },
  });
  const all = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  const inputs = [...new Set(all)].filter((path) => !path.startsWith("used:")).sort();
  const services = servicesOf(inputs);
  if (services.length > 0) await writeFile(join(directory, protosFile), await protosFor(services));
  return inputs;
}

/**
 * The shapes of AWS' requests name their fields by constants (`[_A]:`), for whose sake all shapes would stay: a thousand of
 * EC2, of which a dozen are used.
 */
const shapesByName: Plugin = {
  name: "shapes by name",
  setup(building) {
    building.onLoad({ filter: /\/@aws-sdk\/.*\/schemas_\d+\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const texts = new Map([...source.matchAll(/^const (\w+) = ("[^"]*");$/gm)].map(([, name, text]) => [name, text]));
      return { contents: source.replaceAll(/\[(\w+)\]:/g, (_, name: string) => `${texts.get(name) ?? `[${name}]`}:`) };
    });
  },
};

const protosFile = "google-protos.json";

/** Of the Google client's description of its API no more than a part is taken, and which is known at the end only. */
const protosBeside: Plugin = {
  name: "protos beside",
  setup(building) {
    building.onResolve({ filter: /\/protos\/protos\.json$/ }, ({ importer }) =>
      importer.includes("/@google-cloud/compute/") ? { path: `./${protosFile}`, external: true } : undefined,
    );
  },
};

async function protosFor(services: readonly string[]): Promise<string> {
  const path = createRequire(import.meta.url).resolve("@google-cloud/compute/build/protos/protos.json");
  return JSON.stringify(await protosOf(JSON.parse(await readFile(path, "utf8")), services));
}

const isResolved: unique symbol = Symbol("resolved by us");

/**
 * Of packages that are imported lazily only what is used. A bundle has no other way to give the names of modules of the
 * older form (CommonJS) to an `import()` either.
 */
const onlyWhatIsUsed: Plugin = {
  name: "only what is used",
  setup(building) {
    building.onResolve({ filter: /^[^.]/ }, async ({ path, kind, importer, resolveDir }) => {
      if (kind !== "dynamic-import" || isBuiltin(path) || importer.includes("/node_modules/")) return undefined;
      const told = namesUsed(await readFile(importer, "utf8"), path);
      const names = told.length > 0 ? told : await allNames(importer, path);
      if (names.includes("default")) return undefined;
      const contents = `export { ${names.join(", ")} } from ${JSON.stringify(path)};`;
      return {
        path: `${told.join(", ") || "all"} of ${path}`,
        namespace: "used",
        pluginData: { contents, resolveDir },
      };
    });
    building.onLoad({ filter: /.*/, namespace: "used" }, ({ pluginData }) => pluginData);
    // What is imported within a package, or by the lines above; files of ours end in `.ts`.
    building.onResolve({ filter: /^[^.]|\.js$/ }, async ({ path, pluginData, ...rest }) => {
      const isIdle = idle.some((name) => path === name || rest.importer.includes(`/node_modules/${name}/`));
      if (pluginData === isResolved || rest.kind !== "import-statement" || !isIdle) return undefined;
      return { ...(await building.resolve(path, { ...rest, pluginData: isResolved })), sideEffects: false };
    });
  },
};

/** What a package gives, as Node knows it. */
async function allNames(importer: string, name: string): Promise<readonly string[]> {
  const names = Object.keys(await import(createRequire(importer).resolve(name)));
  return names.filter((one) => /^\w+$/.test(one) && one !== "default").sort();
}

/** Of a package that a source imports lazily; none where it takes the whole. */
export function namesUsed(source: string, name: string): readonly string[] {
  const imported = `await import\\("${name.replaceAll(/\W/g, "\\$&")}"\\)`;
  const taken = [...source.matchAll(new RegExp(`const \\{([^}]*)\\} = ${imported};`, "g"))];
  const read = [...source.matchAll(new RegExp(`\\(${imported}\\)\\.(\\w+)`, "g"))];
  const names = [...taken.flatMap(([, list = ""]) => list.split(",")), ...read.map(([, one = ""]) => one)];
  return [...new Set(names.map((one) => one.trim()).filter((one) => one !== ""))].sort();
}

/** Lays the program into a root file system, with the licences of what is in it. */
export async function layProgram(target: string, image: Image): Promise<void> {
  const directory = join(target, place);
  const inputs = await bundle(image, directory);
  const main = join(directory, "berth.mjs");
  await writeFile(main, `#!/usr/bin/node\n${await readFile(main, "utf8")}`);
  await chmod(main, 0o755);
  const [command = ""] = entrypoint;
  await mkdir(dirname(join(target, command)), { recursive: true });
  await symlink(`/${place}/berth.mjs`, join(target, command));
  await layLicences(target, packagesOf(inputs));
}

/** The packages that files are part of. */
export function packagesOf(inputs: readonly string[]): readonly string[] {
  const names = inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(names)].sort();
}

async function layLicences(target: string, packages: readonly string[]): Promise<void> {
  for (const path of [".", ...packages]) {
    const name = path === "." ? "berth" : path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const documents = join(target, "usr/share/doc/berth", name === "berth" ? "" : name);
    await mkdir(documents, { recursive: true });
    for (const file of (await readdir(join(root, path))).filter((found) => /^(licen[cs]e|notice)/i.test(found)))
      await writeFile(join(documents, file), await readFile(join(root, path, file)));
  }
}
