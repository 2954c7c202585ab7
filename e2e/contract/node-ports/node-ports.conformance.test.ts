import { kubeApiserver } from "../kube-apiserver.ts";
import { checkNodePorts } from "./suite.ts";

checkNodePorts(kubeApiserver);
