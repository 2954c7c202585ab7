import { kubeApiserver } from "../kube-apiserver.ts";
import { checkRoles, countsEvents } from "./suite.ts";

// It has not been told of our kinds: it is asked for a list of them, and that is all.
checkRoles(
  kubeApiserver,
  (right, owner) => /^(watch|patch) (loadbalancerclasses|ipaddresspools)/.test(right) || countsEvents(right, owner),
);
