import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { attributeHandlers, defaultAttributes } from "./attributes.ts";
import { type Call, described, type Given, get, type Handler, page, refuse } from "./call.ts";
import { startChecks } from "./fabric/health.ts";
import { refuseCrowd } from "./quotas.ts";
import type { Listener } from "./state.ts";
import { tagsIn } from "./tags.ts";

const maxListeners = 50;

export const listenerHandlers: Readonly<Record<string, Handler>> = {
  CreateListener: create,
  DescribeListeners: describe,
  ModifyListener: modify,
  DeleteListener(call, { ListenerArn }: Given<elb.DeleteListenerInput>) {
    call.state.listeners.delete(get(call, "listeners", ListenerArn).arn);
    return {};
  },
  DescribeListenerCertificates(call, input: Given<elb.DescribeListenerCertificatesInput>) {
    const { certificates } = get(call, "listeners", input.ListenerArn);
    const [items, NextMarker] = page(call, certificates, input.PageSize, input.Marker);
    const isDefault = (arn: string): boolean => arn === certificates[0];
    return { Certificates: items.map((arn) => ({ CertificateArn: arn, IsDefault: isDefault(arn) })), NextMarker };
  },
  AddListenerCertificates(call, input: Given<elb.AddListenerCertificatesInput>) {
    const one = get(call, "listeners", input.ListenerArn);
    checkCertificates(call, certificatesIn(input));
    one.certificates = [...new Set([...one.certificates, ...certificatesIn(input)])];
    return { Certificates: input.Certificates };
  },
  RemoveListenerCertificates(call, input: Given<elb.RemoveListenerCertificatesInput>) {
    const one = get(call, "listeners", input.ListenerArn);
    const gone = certificatesIn(input);
    one.certificates = one.certificates.filter((arn, i) => i === 0 || !gone.includes(arn));
    return {};
  },
  ...attributeHandlers("Listener"),
};

/** What a request says that a listener does. */
type Content = Given<
  Pick<elb.ModifyListenerInput, "Protocol" | "Certificates" | "SslPolicy" | "AlpnPolicy" | "DefaultActions">
>;

function create(call: Call, input: Given<elb.CreateListenerInput>): object {
  const { state } = call;
  const owner = get(call, "loadBalancers", input.LoadBalancerArn);
  const { Port: port = 0 } = input;
  const others = state.listenersOf(owner.arn);
  const isTaken = others.some((one) => one.port === port);
  refuse(call, "port-taken", isTaken, `A listener already exists on port ${port}`);
  refuse(call, "50-listeners", others.length >= maxListeners, `more than ${maxListeners} listeners`);
  const content = contentOf(call, input);
  refuseCrowd(call, owner, [...others, content]);
  const made: Listener = {
    arn: state.arn("listener/net", owner.name),
    loadBalancer: owner.arn,
    port,
    ...content,
    attributes: defaultAttributes("Listener", content.protocol),
    tags: tagsIn(input.Tags),
  };
  state.listeners.set(made.arn, made);
  startChecks(call);
  return { Listeners: [shown(made)] };
}

function modify(call: Call, input: Given<elb.ModifyListenerInput>): object {
  const one = get(call, "listeners", input.ListenerArn);
  const content = contentOf(call, input, one);
  const others = call.state.listenersOf(one.loadBalancer).filter((other) => other !== one);
  refuseCrowd(call, get(call, "loadBalancers", one.loadBalancer), [...others, content]);
  // Those of another protocol are others.
  const attributes =
    one.protocol === content.protocol ? one.attributes : defaultAttributes("Listener", content.protocol);
  const changed = { ...one, ...content, attributes };
  call.state.listeners.set(one.arn, changed);
  startChecks(call);
  return { Listeners: [shown(changed)] };
}

function contentOf(
  call: Call,
  input: Content,
  before?: Listener,
): Pick<Listener, "protocol" | "certificates" | "policy" | "alpn" | "forward"> {
  const { Protocol: protocol = before?.protocol ?? "", SslPolicy: policy, AlpnPolicy: [alpn] = [] } = input;
  const forward = forwardIn(input) ?? before?.forward ?? [];
  for (const { group } of forward) {
    const { protocol: own } = get(call, "targetGroups", group);
    const fits = own === protocol || (protocol === "TLS" && own === "TCP");
    refuse(call, "protocols-fit", !fits, `a listener of ${protocol} cannot send to ${own}`);
  }
  if (protocol !== "TLS") return { protocol, forward, certificates: [], policy: "", alpn: "" };
  const [old, ...more] = before?.certificates ?? [];
  const [standard = old ?? ""] = certificatesIn(input);
  checkCertificates(call, [standard]);
  const certificates = [standard, ...more.filter((one) => one !== standard)];
  return { protocol, forward, certificates, policy: policy ?? "ELBSecurityPolicy-2016-08", alpn: alpn ?? "None" };
}

function checkCertificates(call: Call, arns: readonly string[]): void {
  const gone = arns.filter((arn) => !call.state.certificates.has(arn));
  refuse(call, "tls-needs-certificate", gone.length > 0, `Certificate '${gone.join()}' not found`);
}

function certificatesIn({ Certificates = [] }: Pick<Content, "Certificates">): readonly string[] {
  return Certificates.map(({ CertificateArn = "" }) => CertificateArn);
}

/** To which target groups a listener shall send; undefined: nothing is said of it. */
function forwardIn({
  DefaultActions: [action] = [],
}: Pick<Content, "DefaultActions">): Listener["forward"] | undefined {
  const { TargetGroupArn, ForwardConfig: { TargetGroups } = {} } = action ?? {};
  const groups = TargetGroupArn === undefined ? TargetGroups : [{ TargetGroupArn, Weight: 1 }];
  return groups?.map(({ TargetGroupArn: group = "", Weight: weight = 1 }) => ({ group, weight }));
}

function describe(call: Call, { LoadBalancerArn, ListenerArns, ...paging }: Given<elb.DescribeListenersInput>): object {
  const { PageSize, Marker } = paging;
  const [items, NextMarker] =
    LoadBalancerArn === undefined
      ? described(call, "listeners", ListenerArns, [], paging)
      : page(call, call.state.listenersOf(get(call, "loadBalancers", LoadBalancerArn).arn), PageSize, Marker);
  return { Listeners: items.map(shown), NextMarker };
}

function shown({ arn, loadBalancer, port, protocol, forward, certificates, policy, alpn }: Listener): object {
  const TargetGroups = forward.map(({ group, weight }) => ({ TargetGroupArn: group, Weight: weight }));
  const only = forward.length === 1 ? forward[0]?.group : undefined;
  const [CertificateArn] = certificates;
  return {
    ListenerArn: arn,
    LoadBalancerArn: loadBalancer,
    Port: port,
    Protocol: protocol,
    ...(protocol === "TLS" && { Certificates: [{ CertificateArn }], SslPolicy: policy, AlpnPolicy: [alpn] }),
    DefaultActions: [{ Type: "forward", TargetGroupArn: only, ForwardConfig: { TargetGroups } }],
  };
}
