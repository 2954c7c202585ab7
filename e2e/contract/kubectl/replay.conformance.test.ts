import { kubeApiserver } from "../kube-apiserver.ts";
import { replayScript } from "./replay.ts";

replayScript(kubeApiserver);
