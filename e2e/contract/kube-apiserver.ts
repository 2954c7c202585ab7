import { generateKeyPairSync, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailureError, sleep, withTimeout } from "../../src/base/index.ts";
import { freePort } from "../../src/telemetry/testing/free-port.ts";
import { Child } from "./child.ts";
import { kubeVersion, newestVersion } from "./kube-version.ts";
import {
  type Access,
  type ControlPlane,
  nodePortRange,
  serviceCidr,
  type Target,
  type TargetOptions,
} from "./target.ts";

const kubeBinaries = new URL("../kube-binaries/", import.meta.url).pathname;
const etcdPath = `${kubeBinaries}bin/etcd`;
const apiserverPath = `${kubeBinaries}${kubeVersion === newestVersion ? "" : `${kubeVersion}/`}bin/kube-apiserver`;

/** The real one, built by `e2e/kube-binaries`. */
export const kubeApiserver: Target & { start(): Promise<RealControlPlane> } = {
  name: `kube-apiserver ${kubeVersion}`,
  version: kubeVersion,
  start: startControlPlane,
};

export interface RealControlPlane extends ControlPlane {
  /** Kills kube-apiserver, which forgets the past, and starts it again on what etcd has. */
  readonly restart: () => Promise<void>;
}

/**
 * Starts etcd and kube-apiserver on loopback, with a data directory, a CA and an administrator of their own. No
 * controller manager runs, so no admission plug-in may want what only it does: make the `default` service account,
 * take the taint off a new node.
 */
async function startControlPlane({
  recordsAccess = false,
  watchList = true,
}: TargetOptions = {}): Promise<RealControlPlane> {
  const missing = [etcdPath, apiserverPath].find((path) => !existsSync(path));
  if (missing !== undefined) throw new FailureError(`${missing} is missing; run e2e/kube-binaries/build (needs Go)`);
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "berth-control-plane-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));

  const etcdUrl = `unix://${directory}/etcd.sock`;
  const etcd = stack.use(new Child(etcdPath, etcdArguments(directory, etcdUrl)));
  await etcd.ready(({ stderr }) => stderr.includes("ready to serve client requests"));

  const token = randomUUID();
  const keys = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  await writeFile(join(directory, "tokens.csv"), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
  await writeFile(join(directory, "service-accounts.pub"), keys.publicKey);
  await writeFile(join(directory, "service-accounts.key"), keys.privateKey, { mode: 0o600 });
  const audit = { policy: join(directory, "audit-policy.json"), log: join(directory, "audit.log") };
  await writeFile(audit.policy, JSON.stringify(auditPolicy));
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const args = [
    ...apiserverArguments(directory, etcdUrl, port),
    ...(watchList ? [] : ["--feature-gates=WatchList=false"]),
    ...(recordsAccess ? [`--audit-policy-file=${audit.policy}`, `--audit-log-path=${audit.log}`] : []),
  ];
  const certificate = join(directory, "apiserver.crt");
  async function startApiserver(): Promise<Child> {
    const apiserver = new Child(apiserverPath, args, { environment: { HOME: directory } });
    using limit = withTimeout(new AbortController().signal, 120_000, "kube-apiserver");
    try {
      while (!(await isReady(url, certificate, token))) {
        if (!apiserver.running) throw apiserver.failure("ended");
        await sleep(100, limit.signal);
      }
    } catch (error) {
      await apiserver[Symbol.asyncDispose]();
      throw error;
    }
    return apiserver;
  }
  let apiserver = await startApiserver();
  stack.defer(() => apiserver[Symbol.asyncDispose]());

  const kubeconfig = join(directory, "kubeconfig");
  await writeFile(kubeconfig, adminKubeconfig(url, certificate, token), { mode: 0o600 });
  const owned = stack.move();
  return {
    kubeconfig,
    serviceAccountKey: keys.privateKey,
    accesses: async () => (recordsAccess ? (await readFile(audit.log, "utf8")).split("\n").flatMap(accessIn) : []),
    async restart() {
      await apiserver[Symbol.asyncDispose]();
      apiserver = await startApiserver();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Who asked for what, and how it was decided; a watch is recorded when it begins. */
const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata" }],
};

interface AuditEvent {
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly objectRef?: Readonly<
    Partial<Record<"apiGroup" | "resource" | "subresource" | "namespace" | "name", string>>
  >;
  readonly annotations?: { readonly "authorization.k8s.io/decision"?: string };
}

/** The access that a line of the audit log tells of; none where it is unfinished or about no resource. */
function accessIn(line: string): readonly Access[] {
  if (!line.endsWith("}")) return [];
  const { user, verb, objectRef, annotations }: AuditEvent = JSON.parse(line);
  const decision = annotations?.["authorization.k8s.io/decision"];
  if (objectRef === undefined || decision === undefined) return [];
  const { apiGroup: group = "", resource = "", subresource = "", namespace = "", name = "" } = objectRef;
  const allowed = decision === "allow";
  return [{ user: user.username, verb, group, resource, subresource, namespace, name, allowed }];
}

/** Ready, and with the Service of the API server itself, which its own controller makes. */
async function isReady(url: string, certificate: string, token: string): Promise<boolean> {
  if (!existsSync(certificate)) return false;
  const options = { ca: await readFile(certificate), headers: { authorization: `Bearer ${token}` } };
  for (const path of ["/readyz", "/api/v1/namespaces/default/services/kubernetes"]) {
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    get(url + path, options, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", () => resolve(undefined));
    if ((await promise) !== 200) return false;
  }
  return true;
}

function etcdArguments(directory: string, url: string): string[] {
  const peer = `unix://${directory}/peer.sock`;
  return [
    `--data-dir=${directory}/etcd`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    "--unsafe-no-fsync",
  ];
}

function apiserverArguments(directory: string, etcdUrl: string, port: number): string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    // Without a certificate of ours the server makes a CA and its own certificate in this directory.
    `--cert-dir=${directory}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${port}`,
    "--endpoint-reconciler-type=none",
    `--token-auth-file=${directory}/tokens.csv`,
    "--authorization-mode=RBAC,Node",
    // As everywhere where agents of networks run.
    "--allow-privileged=true",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${directory}/service-accounts.pub`,
    `--service-account-signing-key-file=${directory}/service-accounts.key`,
    "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
    `--service-cluster-ip-range=${serviceCidr}`,
    `--service-node-port-range=${nodePortRange}`,
  ];
}

function adminKubeconfig(server: string, certificateAuthority: string, token: string): string {
  const name = "contract";
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name, cluster: { server, "certificate-authority": certificateAuthority } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
}
