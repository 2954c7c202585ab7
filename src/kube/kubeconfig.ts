import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { dirname, resolve } from "node:path";
import type { Cluster, Context, KubeConfig } from "@kubernetes/client-node";
import { type Clock, errorMessage, oneLine, systemClock, UsageError } from "../base/index.ts";
import {
  type Credentials,
  cachedCredentials,
  checkServer,
  type KubeConnection,
  type TlsCredentials,
} from "./connection.ts";

export interface KubeconfigOptions {
  /** The file's current context by default. */
  readonly context?: string | undefined;
  /** URL in place of the cluster's. */
  readonly server?: string | undefined;
  readonly clock?: Clock;
}

/** The connection that a kubeconfig file describes. Loads the Kubernetes client library, which costs 35 MB. */
export async function loadKubeconfig(
  path: string,
  { context, server: override, clock = systemClock }: KubeconfigOptions = {},
): Promise<KubeConnection> {
  const file = await readYaml(path);
  let config = await load(file, path);
  const chosen = chooseContext(config, context, path);
  const cluster = config.getCluster(chosen.cluster);
  if (cluster === null)
    throw wrong(path, `contexts[${chosen.name}].context.cluster`, `no such cluster: ${chosen.cluster}`);
  // Admin kubeconfigs of test clusters may name no user at all.
  if (chosen.user && config.getUser(chosen.user) === null)
    throw wrong(path, `contexts[${chosen.name}].context.user`, `no such user: ${chosen.user}`);
  const server =
    override === undefined
      ? checkServer(cluster.server, `kubeconfig ${path}: clusters[${cluster.name}].cluster.server`)
      : checkServer(override, "API server address");
  // The library does not know this field, though kubectl does.
  const users = Array.isArray(file.users) ? file.users : [];
  const token = users.find(({ name }) => name === chosen.user)?.user?.tokenFile;
  const tokenFile = token === undefined ? undefined : resolve(dirname(path), token);

  const read = async (renew: boolean): Promise<Credentials> => {
    // A credential plug-in is asked again only by a new instance, until the wall clock says that its answer is old.
    if (renew) config = await load(file, path);
    config.setCurrentContext(chosen.name);
    // The library refuses http:// unless told not to verify, though there is nothing to verify.
    const verify = server.startsWith("http:") ? { skipTLSVerify: true } : {};
    config.clusters = config.clusters.map((c) => ({ ...c, server, ...verify }));
    return await credentialsOf(config, cluster, tokenFile);
  };
  const first = await read(false).catch((error: unknown) => {
    const plugin = config.getUser(chosen.user)?.exec as ExecPlugin | undefined;
    if (plugin !== undefined) throw pluginFailure(path, chosen.user, plugin, error);
    throw wrong(path, `credentials of context ${chosen.name}`, errorMessage(error));
  });
  return { server, credentials: cachedCredentials(read, first, clock) };
}

/** What of the file we look at ourselves. */
interface KubeconfigFile {
  readonly users?: { readonly name?: string; readonly user?: { readonly tokenFile?: string } }[];
}

async function readYaml(path: string): Promise<KubeconfigFile> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new UsageError(`kubeconfig ${path}: ${errorMessage(error)}; give the path of a readable kubeconfig`);
  });
  // Loaded here, as an agent in a pod needs neither this nor the client library.
  const { isMap, parseDocument } = await import("yaml");
  const { contents, errors } = parseDocument(text);
  const [error] = errors;
  if (error !== undefined) throw wrong(path, "YAML", error.message.split("\n")[0] ?? "");
  if (!isMap(contents)) throw wrong(path, "YAML", "no mapping with clusters, users and contexts");
  return contents.toJSON() as KubeconfigFile;
}

async function load(file: KubeconfigFile, path: string): Promise<KubeConfig> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  try {
    config.loadFromString(JSON.stringify(file));
  } catch (error) {
    throw new UsageError(`kubeconfig ${path}: ${errorMessage(error)}; mend the file or give another one`);
  }
  config.makePathsAbsolute(dirname(path));
  return config;
}

function chooseContext(config: KubeConfig, name: string | undefined, path: string): Context {
  const wanted = name ?? config.getCurrentContext();
  const contexts = config.getContexts() ?? [];
  const found = contexts.find((context) => context.name === wanted);
  if (found !== undefined) return found;
  const known = contexts.length === 0 ? "it defines none" : `it defines ${contexts.map((c) => c.name).join(", ")}`;
  throw wrong(path, "current-context", `no context ${JSON.stringify(wanted ?? "")}; ${known}`);
}

interface ExecPlugin {
  readonly command?: string;
  readonly installHint?: string;
}

function pluginFailure(
  path: string,
  user: string,
  { command = "", installHint }: ExecPlugin,
  error: unknown,
): UsageError {
  const field = `kubeconfig ${path}: users[${user}].user.exec.command ${JSON.stringify(command)}`;
  const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
  if (isMissing) {
    const hint = installHint === undefined ? "" : ` (${oneLine(installHint)})`;
    return new UsageError(`${field}: no such program; install it${hint} or give another kubeconfig`);
  }
  return new UsageError(`${field}: ${oneLine(errorMessage(error))}; run it by hand to see what it lacks`);
}

function wrong(path: string, field: string, what: string): UsageError {
  return new UsageError(`kubeconfig ${path}: ${field}: ${what}; mend the file or give another one`);
}

async function credentialsOf(
  config: KubeConfig,
  cluster: Cluster,
  tokenFile: string | undefined,
): Promise<Credentials> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers = Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]);
  if (options.auth) headers.push(["authorization", `Basic ${Buffer.from(options.auth).toString("base64")}`]);
  if (tokenFile !== undefined) headers.push(["authorization", `Bearer ${(await readFile(tokenFile, "utf8")).trim()}`]);
  // The library forgets the cluster's part when the context names no user.
  const ca = cluster.caFile ? await readFile(cluster.caFile) : Buffer.from(cluster.caData ?? "", "base64");
  const tls: TlsCredentials = {
    ...(ca.length > 0 && { ca }),
    ...(options.cert && { cert: options.cert as Buffer }),
    ...(options.key && { key: options.key as Buffer }),
    ...(cluster.tlsServerName && { servername: cluster.tlsServerName }),
    ...(cluster.skipTLSVerify && { insecure: true }),
  };
  return { tls, headers: Object.fromEntries(headers) as Record<string, string> };
}
