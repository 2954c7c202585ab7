// Packages of a Debian release for any architecture, fetched by apt beside the machine's own packages: nothing of them is
// installed, and what a release's archive does not sign is refused.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FailureError } from "../src/base/index.ts";
import { type Exec, execOk } from "../src/kernel/index.ts";
import { type Architecture, debianRelease } from "./contents.ts";

/** Where apt of this machine, which runs any release of Debian, has its packages from. */
interface Archives {
  readonly main: string;
  readonly security: string;
}

const targets = "$(COMPONENT) $(RELEASE) $(REPO_URI)";

/** Throws FailureError on a machine that is not Debian. */
async function archivesOf(exec: Exec, signal: AbortSignal): Promise<Archives> {
  const [, codename = ""] = /^VERSION_CODENAME=(\S+)$/m.exec(await readFile("/etc/os-release", "utf8")) ?? [];
  const known = (await execOk(exec, "apt-get", ["indextargets", `--format=${targets}`], { signal })).split("\n");
  const uriOf = (release: string): string => {
    const found = known.find((line) => line.startsWith(`main ${release} `))?.split(" ")[2];
    if (found === undefined)
      throw new FailureError(`apt has no source of main of ${release}; images are made on Debian, with its sources`);
    return found;
  };
  return { main: uriOf(codename), security: uriOf(`${codename}-security`) };
}

const source = (uri: string, suites: string): string => `Types: deb
URIs: ${uri}
Suites: ${suites}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

function sourcesFrom({ main, security }: Archives): string {
  return `${source(main, `${debianRelease} ${debianRelease}-updates`)}
${source(security, `${debianRelease}-security`)}`;
}

/** Fetches packages and unpacks each below `directory`, which is empty, into a directory of its name. */
export async function fetchPackages(
  names: readonly string[],
  architecture: Architecture,
  directory: string,
  exec: Exec,
  signal: AbortSignal,
): Promise<void> {
  const sources = sourcesFrom(await archivesOf(exec, signal));
  const apt = await privateApt(architecture, join(directory, ".apt"), sources);
  const downloads = join(directory, ".downloads");
  await mkdir(downloads);
  const options = { signal };
  await execOk(exec, "apt-get", [...apt, "update"], options);
  await execOk(exec, "env", ["--chdir", downloads, "apt-get", ...apt, "download", ...names], options);
  for (const file of await readdir(downloads)) {
    const [name = ""] = file.split("_");
    const path = join(directory, name);
    await execOk(exec, "dpkg-deb", ["--extract", join(downloads, file), path], options);
    // What scanners of images read.
    const status = join(path, "var/lib/dpkg/status.d");
    await mkdir(status, { recursive: true });
    await writeFile(join(status, name), await execOk(exec, "dpkg-deb", ["--field", join(downloads, file)], options));
  }
}

/** Options that make apt-get know nothing of this machine's packages. */
async function privateApt(architecture: Architecture, state: string, sources: string): Promise<readonly string[]> {
  for (const folder of ["lists/partial", "archives/partial"]) await mkdir(join(state, folder), { recursive: true });
  await writeFile(join(state, "sources.sources"), sources);
  await writeFile(join(state, "status"), "");
  const options = {
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    "APT::Sandbox::User": "",
    "Dir::Etc::sourcelist": join(state, "sources.sources"),
    "Dir::Etc::sourceparts": "-",
    "Dir::State": state,
    "Dir::State::status": join(state, "status"),
    "Dir::Cache": state,
  };
  return ["--quiet", ...Object.entries(options).map(([name, value]) => `--option=${name}=${value}`)];
}
