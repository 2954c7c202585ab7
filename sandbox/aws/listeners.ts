import { attributeHandlers } from "./attributes.ts";
import { AwsError, type Call, type Handler, list, maybe, page, tagsIn, text, texts } from "./call.ts";
import { loadBalancer, structure } from "./load-balancers.ts";
import type { Listener } from "./state.ts";
import { checkCrossZone, startChecks } from "./target-groups.ts";
import type { Input, Value } from "./wire.ts";

const maxListeners = 50;

export const listenerHandlers: Readonly<Record<string, Handler>> = {
  CreateListener: create,
  DescribeListeners: describe,
  ModifyListener: modify,
  DeleteListener: remove,
  DescribeListenerCertificates: describeCertificates,
  AddListenerCertificates: (call) => changeCertificates(call, "Add"),
  RemoveListenerCertificates: (call) => changeCertificates(call, "Remove"),
  ...attributeHandlers("Listener", ({ state }, arn) => state.listeners.get(arn)),
};

function listener({ state }: Call, arn: string): Listener {
  const found = state.listeners.get(arn);
  if (found === undefined) throw new AwsError("ListenerNotFound", `Listener '${arn}' not found`);
  return found;
}

function create(call: Call): Value {
  const { state, input, isOn } = call;
  const one = loadBalancer(call, text(input, "LoadBalancerArn"));
  const port = Number(text(input, "Port"));
  const others = state.listenersOf(one.arn);
  const tags = tagsIn(input, "Tags");
  if (isOn("port-taken") && others.some((other) => other.port === port))
    throw new AwsError("DuplicateListener", `A listener already exists on port ${port}`);
  if (isOn("50-listeners") && others.length >= maxListeners)
    throw new AwsError("TooManyListeners", "You've reached the limit on the number of listeners");
  const content = contentOf(call, undefined);
  const made: Listener = {
    arn: state.arn("listener/net", one.name),
    loadBalancer: one.arn,
    port,
    ...content,
    attributes: new Map(content.protocol === "TCP" ? [["tcp.idle_timeout.seconds", "350"]] : []),
    tags,
  };
  state.listeners.set(made.arn, made);
  checkCrossZoneOr(call, one.arn, () => state.listeners.delete(made.arn));
  startChecks(call);
  return { Listeners: [shown(made)] };
}

type Content = Pick<Listener, "protocol" | "certificates" | "policy" | "alpn" | "forward">;

function contentOf(call: Call, before: Listener | undefined): Content {
  const { state, input, isOn } = call;
  const protocol = maybe(input, "Protocol") ?? before?.protocol ?? "";
  const given = list(input, "Certificates").map((certificate) => text(certificate, "CertificateArn"));
  const standard = given[0] ?? before?.certificates[0];
  if (
    protocol === "TLS" &&
    isOn("tls-needs-certificate") &&
    (standard === undefined || !state.certificates.has(standard))
  )
    throw new AwsError("CertificateNotFound", `Certificate '${standard}' not found`);
  const more = protocol === "TLS" ? (before?.certificates ?? []).slice(1).filter((one) => one !== standard) : [];
  const forward = forwardIn(call);
  return {
    protocol,
    certificates: protocol === "TLS" && standard !== undefined ? [standard, ...more] : [],
    policy: protocol === "TLS" ? (maybe(input, "SslPolicy") ?? "ELBSecurityPolicy-2016-08") : "",
    alpn: protocol === "TLS" ? (texts(input, "AlpnPolicy")[0] ?? "None") : "",
    forward: forward.length > 0 ? forward : (before?.forward ?? []),
  };
}

function forwardIn(call: Call): Listener["forward"] {
  const { state, input, isOn } = call;
  const protocol = maybe(input, "Protocol");
  return list(input, "DefaultActions").flatMap((action) => {
    const only = maybe(action, "TargetGroupArn");
    const groups: readonly Input[] =
      only === undefined ? list(structure(action, "ForwardConfig"), "TargetGroups") : [{ TargetGroupArn: only }];
    return groups.map((entry) => {
      const arn = text(entry, "TargetGroupArn");
      const found = state.targetGroups.get(arn);
      if (found === undefined) throw new AwsError("TargetGroupNotFound", `Target group '${arn}' not found`);
      const fits = found.protocol === protocol || (protocol === "TLS" && found.protocol === "TCP");
      if (!fits && isOn("protocols-fit"))
        throw new AwsError(
          "IncompatibleProtocols",
          `Listener protocol '${protocol}' is not supported with ${found.protocol}`,
        );
      return { group: arn, weight: Number(maybe(entry, "Weight") ?? 1) };
    });
  });
}

function describe(call: Call): Value {
  const { state, input, isOn } = call;
  const [owner, arns] = [maybe(input, "LoadBalancerArn"), texts(input, "ListenerArns")];
  if (isOn("batch-of-20") && arns.length > 20) throw new AwsError("ValidationError", "more than 20 ARNs");
  const found =
    owner === undefined
      ? arns.flatMap((arn) => state.listeners.get(arn) ?? [])
      : state.listenersOf(loadBalancer(call, owner).arn);
  if (isOn("batch-fails-whole") && found.length < arns.length)
    throw new AwsError("ListenerNotFound", "One or more listeners not found");
  const [items, NextMarker] = page(call, found, "Marker");
  return { Listeners: items.map(shown), NextMarker };
}

function shown(one: Listener): Value {
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

function modify(call: Call): Value {
  const one = listener(call, text(call.input, "ListenerArn"));
  const before = { ...one };
  Object.assign(one, contentOf(call, one));
  if (one.protocol !== before.protocol) {
    one.attributes.clear();
    if (one.protocol === "TCP") one.attributes.set("tcp.idle_timeout.seconds", "350");
  }
  checkCrossZoneOr(call, one.loadBalancer, () => Object.assign(one, before));
  startChecks(call);
  return { Listeners: [shown(one)] };
}

function remove(call: Call): Value {
  const one = listener(call, text(call.input, "ListenerArn"));
  call.state.listeners.delete(one.arn);
  return {};
}

function describeCertificates(call: Call): Value {
  const { certificates } = listener(call, text(call.input, "ListenerArn"));
  const [items, NextMarker] = page(call, certificates, "Marker");
  return {
    Certificates: items.map((arn) => ({ CertificateArn: arn, IsDefault: arn === certificates[0] })),
    NextMarker,
  };
}

function changeCertificates(call: Call, change: "Add" | "Remove"): Value {
  const { state, input, isOn } = call;
  const one = listener(call, text(input, "ListenerArn"));
  const arns = list(input, "Certificates").map((certificate) => text(certificate, "CertificateArn"));
  if (change === "Remove") {
    one.certificates = one.certificates.filter((arn, i) => i === 0 || !arns.includes(arn));
    return {};
  }
  if (isOn("tls-needs-certificate") && !arns.every((arn) => state.certificates.has(arn)))
    throw new AwsError("CertificateNotFound", "One or more certificates not found");
  one.certificates = [...new Set([...one.certificates, ...arns])];
  return { Certificates: arns.map((arn) => ({ CertificateArn: arn })) };
}

function checkCrossZoneOr(call: Call, loadBalancerArn: string, undo: () => void): void {
  try {
    checkCrossZone(call, loadBalancerArn);
  } catch (error) {
    undo();
    throw error;
  }
}
