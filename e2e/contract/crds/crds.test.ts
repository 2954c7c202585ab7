import { sandbox } from "../sandbox.ts";
import { servesOurKinds } from "./suite.ts";

servesOurKinds(sandbox);
