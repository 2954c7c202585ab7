// The formats of strings that kube-apiserver looks at (k8s.io/kube-openapi/pkg/validation/strfmt); any other is a mere
// hint. Times and durations are those of Go.
import { parseCidr, parseIp, parseSloppyIp } from "../../../src/net/index.ts";

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const versioned = (version: number): RegExp =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, "i");
const hostname = /^(?=.{1,255}$)[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*\.?$/i;
const goDuration = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const longDuration =
  /^\d+ *(?:ns|us|ms|s|m|h|d|w|nano(?:second)?s?|micro(?:second)?s?|milli(?:second)?s?|seconds?|sec|minutes?|min|hours?|hrs?|days?|weeks?|wks?)$/;

const checks: Readonly<Record<string, (text: string) => boolean>> = {
  byte: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
  cidr: (text) => parseCidr(text) !== undefined || sloppyCidr(text),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isDay(text),
  "date-time": isTime,
  datetime: isTime,
  duration: (text) => goDuration.test(text) || longDuration.test(text),
  email: (text) => /^[^\s@<>]+@[^\s@<>]+$/.test(text),
  hostname: (text) => hostname.test(text),
  ipv4: (text) => parseIp(text)?.family === "IPv4",
  ipv6: (text) => parseIp(text)?.family === "IPv6",
  mac: (text) => /^[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}$/i.test(text),
  uri: isUri,
  uuid: (text) => uuid.test(text),
  uuid3: (text) => versioned(3).test(text),
  uuid4: (text) => versioned(4).test(text),
  uuid5: (text) => versioned(5).test(text),
};

/** Whether a text has the format; one with an unknown format does. */
export function hasFormat(format: string, text: string): boolean {
  return checks[format]?.(text) ?? true;
}

function sloppyCidr(text: string): boolean {
  const [address = "", bits = "", ...more] = text.split("/");
  const ip = parseSloppyIp(address);
  return (
    ip !== undefined && more.length === 0 && /^\d+$/.test(bits) && Number(bits) <= (ip.family === "IPv4" ? 32 : 128)
  );
}

/** JavaScript rolls the 31st of a short month over into the next. */
function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function isTime(text: string): boolean {
  const [, day = "", rest] =
    /^(\d{4}-\d\d-\d\d)(?:[Tt ])(\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)?)$/.exec(text) ?? [];
  return rest !== undefined && isDay(day) && /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d/.test(rest);
}

/** As Go's `url.ParseRequestURI`: a path, or a scheme with something behind it. */
function isUri(text: string): boolean {
  return text.startsWith("/") ? !text.includes(" ") : /^[a-z][a-z0-9+.-]*:/i.test(text) && URL.canParse(text);
}
