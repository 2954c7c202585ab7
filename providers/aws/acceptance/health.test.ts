// Of the health of targets, which AWS tells nobody when it changes.
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { FakeClock } from "../../../src/base/fake-clock.ts";
import type { HealthWatcher, ProviderAdapter, ScopeKey } from "../../../src/provider/index.ts";
import { Account, type AdapterOptions } from "../testing/account.ts";
import { Operator, type Place } from "../testing/operator.ts";
import { node } from "../testing/values.ts";
import { lbOf } from "../testing/wishes.ts";

/** An account whose last adapter can be had. */
class Watched implements Place {
  readonly #account: Account;
  last: (ProviderAdapter & HealthWatcher) | undefined;

  constructor(account: Account) {
    this.#account = account;
  }

  async adapter(options: AdapterOptions): Promise<ProviderAdapter> {
    this.last = (await this.#account.adapter(options)) as ProviderAdapter & HealthWatcher;
    return this.last;
  }

  pass(ms: number): void {
    this.#account.pass(ms);
  }
}

it("is looked at again and again, and told when it changed, until nobody wants to hear of it", async () => {
  await using account = await Account.open();
  const place = new Watched(account);
  const operator = await Operator.start(place);
  const lb = lbOf(1);
  operator.want(lb, [node(1)]);
  for (let i = 0; i < 3; i++) await operator.round();
  expect((await operator.status(lb)).targets).toEqual({ ready: 0, total: 1 });
  const heard: ScopeKey[] = [];
  const watching = place.last?.watchHealth((key) => void heard.push(key));
  const later = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 5000) {
      const before = account.aws.journal.length;
      operator.pass(5000);
      while (isAsking(operator.clock) && account.aws.journal.length === before) await setImmediate();
      while (isAsking(operator.clock)) await setImmediate();
    }
  };
  await later(60_000);
  expect(heard).toEqual([{ kind: "members", id: lb.id }]);
  expect((await operator.status(lb)).targets).toEqual({ ready: 1, total: 1 });
  account.aws.probe = () => false;
  await later(60_000);
  expect(heard).toHaveLength(2);
  expect((await operator.status(lb)).unhealthy).toEqual([{ node: "n1", reason: "Target.FailedHealthChecks" }]);
  watching?.[Symbol.dispose]();
  account.aws.probe = () => true;
  const before = account.aws.journal.length;
  operator.pass(120_000);
  await setImmediate();
  expect([heard.length, account.aws.journal.length]).toEqual([2, before]);
});

/** The next look is not planned yet. */
function isAsking({ pending }: FakeClock): boolean {
  return !pending.some((ms) => ms <= 5000);
}
