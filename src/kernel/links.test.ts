import { expect, it } from "vitest";
import { parseLinks } from "./links.ts";
import { parseNetns } from "./netns.ts";

it("reads interfaces and addresses", () => {
  const json = `[{},{"ifindex":2,"ifname":"eth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"master":"br0","operstate":"UP",
    "linkinfo":{"info_kind":"veth","info_slave_kind":"bridge","info_slave_data":{"state":"forwarding"}},
    "address":"02:00:00:00:00:01","addr_info":[{"family":"inet","local":"10.0.0.5","prefixlen":16,"scope":"global"},
    {"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link"}]}]`;
  expect(parseLinks(json)).toEqual([
    {
      name: "eth0",
      mac: "02:00:00:00:00:01",
      up: true,
      operational: true,
      master: "br0",
      portState: "forwarding",
      addresses: [
        { address: "10.0.0.5", prefix: 16, scope: "global" },
        { address: "fe80::1", prefix: 64, scope: "link" },
      ],
    },
  ]);
});

it.each([
  ["", []],
  ["[]", []],
  ['[{"name":"b","id":1},{"name":"a"}]', ["a", "b"]],
])("reads namespaces from %j", (json, names) => {
  expect(parseNetns(json)).toEqual(names);
});
