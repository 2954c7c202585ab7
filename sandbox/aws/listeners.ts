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
  DeleteListener({ state }, { ListenerArn }: Given<elb.DeleteListenerInput>) {
    state.listeners.delete(get(state, "listeners", ListenerArn).arn);
    return {};
  },
  DescribeListenerCertificates(call, input: Given<elb.DescribeListenerCertificatesInput>) {
    const { certificates } = get(call.state, "listeners", input.ListenerArn);
    const [items, NextMarker] = page(call, certificates, input.PageSize, input.Marker);
    const isDefault = (arn: string): boolean => arn === certificates[0];
    return { Certificates: items.map((arn) => ({ CertificateArn: arn, IsDefault: isDefault(arn) })), NextMarker };
  },
  AddListenerCertificates(call, input: Given<elb.AddListenerCertificatesInput>) {
    const one = get(call.state, "listeners", input.ListenerArn);
    checkCertificates(call, certificatesIn(input));
    one.certificates = [...new Set([...one.certificates, ...certificatesIn(input)])];
    return { Certificates: input.Certificates };
  },
  RemoveListenerCertificates({ state }, input: Given<elb.RemoveListenerCertificatesInput>) {
    const one = get(state, "listeners", input.ListenerArn);
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
  const owner = get(state, "loadBalancers", input.LoadBalancerArn);
  const { Port: port = 0 } = input;
  const others = state.listenersOf(owner.arn);
  const isTaken = others.some((one) => one.port === port);
  refuse(call, "port-taken", isTaken, "DuplicateListener", `A listener already exists on port ${port}`);
  refuse(
    call,
    "50-listeners",
    others.length >= maxListeners,
    "TooManyListeners",
    `more than ${maxListeners} listeners`,
  );
  const content = contentOf(call, input, undefined);
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
  const { state } = call;
  const one = get(state, "listeners", input.ListenerArn);
  const { protocol } = one;
  const content = contentOf(call, input, one);
  const others = state.listenersOf(one.loadBalancer).filter((other) => other !== one);
  refuseCrowd(call, get(state, "loadBalancers", one.loadBalancer), [...others, content]);
  Object.assign(one, content);
  if (one.protocol !== protocol) {
    one.attributes.clear();
    for (const [key, value] of defaultAttributes("Listener", one.protocol)) one.attributes.set(key, value);
  }
  startChecks(call);
  return { Listeners: [shown(one)] };
}

function contentOf(
  call: Call,
  input: Content,
  before: Listener | undefined,
): Pick<Listener, "protocol" | "certificates" | "policy" | "alpn" | "forward"> {
  const forward = forwardIn(input);
  const protocol = input.Protocol ?? before?.protocol ?? "";
  for (const { group } of forward) {
    const { protocol: own } = get(call.state, "targetGroups", group);
    const fits = own === protocol || (protocol === "TLS" && own === "TCP");
    refuse(call, "protocols-fit", !fits, "IncompatibleProtocols", `a listener of ${protocol} cannot send to ${own}`);
  }
  const common = { protocol, forward: forward.length > 0 ? forward : (before?.forward ?? []) };
  if (protocol !== "TLS") return { ...common, certificates: [], policy: "", alpn: "" };
  const [, ...more] = before?.certificates ?? [];
  const standard = certificatesIn(input)[0] ?? before?.certificates[0];
  checkCertificates(call, [standard ?? ""]);
  return {
    ...common,
    certificates: [...(standard === undefined ? [] : [standard]), ...more.filter((one) => one !== standard)],
    policy: input.SslPolicy ?? "ELBSecurityPolicy-2016-08",
    alpn: input.AlpnPolicy?.[0] ?? "None",
  };
}

function checkCertificates(call: Call, arns: readonly string[]): void {
  const gone = arns.filter((arn) => !call.state.certificates.has(arn));
  refuse(
    call,
    "tls-needs-certificate",
    gone.length > 0,
    "CertificateNotFound",
    `Certificate '${gone.join()}' not found`,
  );
}

function certificatesIn({ Certificates = [] }: Pick<Content, "Certificates">): readonly string[] {
  return Certificates.map(({ CertificateArn = "" }) => CertificateArn);
}

/** To which target groups a listener shall send. */
function forwardIn({ DefaultActions = [] }: Pick<Content, "DefaultActions">): Listener["forward"] {
  return DefaultActions.flatMap(({ TargetGroupArn, ForwardConfig: { TargetGroups = [] } = {} }) => {
    const groups = TargetGroupArn === undefined ? TargetGroups : [{ TargetGroupArn, Weight: 1 }];
    return groups.map(({ TargetGroupArn: group = "", Weight: weight = 1 }) => ({ group, weight }));
  });
}

function describe(call: Call, { LoadBalancerArn, ListenerArns, ...paging }: Given<elb.DescribeListenersInput>): object {
  const { state } = call;
  const [items, NextMarker] =
    LoadBalancerArn === undefined
      ? described(call, "listeners", { arns: ListenerArns, ...paging })
      : page(call, state.listenersOf(get(state, "loadBalancers", LoadBalancerArn).arn), paging.PageSize, paging.Marker);
  return { Listeners: items.map(shown), NextMarker };
}

function shown(one: Listener): object {
  const groups = one.forward.map(({ group, weight }) => ({ TargetGroupArn: group, Weight: weight }));
  return {
    ListenerArn: one.arn,
    LoadBalancerArn: one.loadBalancer,
    Port: one.port,
    Protocol: one.protocol,
    ...(one.protocol === "TLS" && {
      Certificates: one.certificates.slice(0, 1).map((arn) => ({ CertificateArn: arn })),
      SslPolicy: one.policy,
      AlpnPolicy: [one.alpn],
    }),
    DefaultActions: [
      {
        Type: "forward",
        TargetGroupArn: groups.length === 1 ? groups[0]?.TargetGroupArn : undefined,
        ForwardConfig: { TargetGroups: groups },
      },
    ],
  };
}
