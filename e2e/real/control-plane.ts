import { generateKeyPairSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { netnsPath } from "../../src/kernel/index.ts";
import { Child } from "../contract/child.ts";
import { type Authority, kubeconfigText } from "./authority.ts";
import { addresses, networks, type Plan } from "./plan.ts";
import { programPath } from "./programs.ts";

/** Where clients find it. */
export const server: string = `https://${addresses.apiServer}:6443`;

export interface ControlPlane extends AsyncDisposable {
  /** The administrator's. */
  readonly kubeconfig: string;
}

/** etcd, kube-apiserver, kube-controller-manager and kube-scheduler, in the namespace of the bridge. */
export async function startControlPlane(plan: Plan, authority: Authority, directory: string): Promise<ControlPlane> {
  await using stack = new AsyncDisposableStack();
  await mkdir(directory);
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const pair = async (
    name: string,
    ...identity: Parameters<Authority["issue"]>
  ): Promise<readonly [string, string]> => {
    const { certificate, key } = await authority.issue(...identity);
    return [await write(`${name}.crt`, certificate), await write(`${name}.key`, key)];
  };
  const client = async (name: string, groups: readonly string[] = []): Promise<string> =>
    await write(
      `${name.replaceAll(":", "-")}.kubeconfig`,
      kubeconfigText(server, authority, await authority.issue(name, groups)),
    );
  const start = (program: string, args: readonly string[]): Child => {
    const net = `--net=${netnsPath(plan.controlPlane.netns)}`;
    const command = [net, "--", programPath(program), ...args];
    return stack.use(
      new Child("nsenter", command, { environment: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", HOME: directory } }),
    );
  };

  const ca = await write("ca.crt", authority.certificate);
  const serviceAccounts = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const serviceAccountKey = await write("service-accounts.key", serviceAccounts.privateKey);
  const serviceAccountPublicKey = await write("service-accounts.pub", serviceAccounts.publicKey);
  const [servingCertificate, servingKey] = await pair(
    "apiserver",
    "kube-apiserver",
    [],
    [addresses.apiServer, addresses.apiService, "127.0.0.1", "kubernetes.default.svc"],
  );
  const [kubeletCertificate, kubeletKey] = await pair("kubelet-client", "kube-apiserver", ["system:masters"]);

  const etcdUrl = `unix://${directory}/etcd.sock`;
  const peerUrl = `unix://${directory}/peer.sock`;
  const etcd = start("etcd", [
    `--data-dir=${directory}/etcd`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    "--unsafe-no-fsync",
  ]);
  await etcd.ready(({ stderr }) => stderr.includes("ready to serve client requests"));
  start("kube-apiserver", [
    `--etcd-servers=${etcdUrl}`,
    `--advertise-address=${addresses.apiServer}`,
    "--bind-address=0.0.0.0",
    "--secure-port=6443",
    `--client-ca-file=${ca}`,
    `--tls-cert-file=${servingCertificate}`,
    `--tls-private-key-file=${servingKey}`,
    `--kubelet-certificate-authority=${ca}`,
    `--kubelet-client-certificate=${kubeletCertificate}`,
    `--kubelet-client-key=${kubeletKey}`,
    "--kubelet-preferred-address-types=InternalIP",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    // As everywhere where agents of networks run.
    "--allow-privileged=true",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${serviceAccountKey}`,
    `--service-cluster-ip-range=${networks.services}`,
  ]);
  start("kube-controller-manager", [
    `--kubeconfig=${await client("system:kube-controller-manager")}`,
    `--service-account-private-key-file=${serviceAccountKey}`,
    `--root-ca-file=${ca}`,
    "--use-service-account-credentials",
    "--leader-elect=false",
    "--bind-address=127.0.0.1",
  ]);
  start("kube-scheduler", [
    `--kubeconfig=${await client("system:kube-scheduler")}`,
    "--leader-elect=false",
    "--bind-address=127.0.0.1",
  ]);
  const kubeconfig = await client("admin", ["system:masters"]);
  const owned = stack.move();
  return { kubeconfig, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
