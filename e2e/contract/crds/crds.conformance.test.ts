import { kubeApiserver } from "../kube-apiserver.ts";
import { servesOurKinds } from "./suite.ts";

servesOurKinds(kubeApiserver);
