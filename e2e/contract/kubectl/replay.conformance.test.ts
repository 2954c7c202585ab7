import { kubeApiserver } from "../kube-apiserver.ts";
import { replayScript } from "./replay.ts";

await replayScript(kubeApiserver);
