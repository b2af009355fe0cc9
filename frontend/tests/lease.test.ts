import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Holding, type Holder, type TabClaim } from "../src/reading/holding.ts";
import { RENEWAL, type LeaseAnswer, type LeaseServer } from "../src/reading/lease.ts";

const SINCE = new Date("2026-01-02T10:42:00Z");

/** A server that gives the read to the last device that took it. */
class Counter {
  writer: string | null = null;
  reachable = true;
  asked = 0;

  device(name: string): LeaseServer {
    return {
      claim: async (take): Promise<LeaseAnswer> => {
        await Promise.resolve();
        if (!this.reachable) return { kind: "unknown" };
        this.asked += 1;
        if (take || this.writer === null) this.writer = name;
        return this.writer === name ? { kind: "mine" } : { kind: "elsewhere", since: SINCE };
      },
      release: () => {
        if (this.writer === name) this.writer = null;
      },
    };
  }
}

interface Page {
  readonly holding: Holding;
  readonly holders: Holder[];
  readonly rereads: () => number;
  readonly noAnswers: () => number;
  /** What the browser says of its tabs. */
  readonly tab: (mine: boolean) => void;
  readonly tabTaken: () => number;
}

/** A page of a device: `tabs` false where another tab of the browser has the read already. */
function page(server: LeaseServer, tabIsFree = true): Page {
  const holders: Holder[] = [];
  let [rereads, noAnswers, taken] = [0, 0, 0];
  let tab: (mine: boolean) => void = () => undefined;
  const holding = new Holding({
    read: 7,
    server,
    tab: (heard): TabClaim => {
      tab = heard;
      // The browser answers a moment later.
      void Promise.resolve().then(() => heard(tabIsFree));
      return {
        take: () => {
          taken += 1;
          heard(true);
        },
        release: () => undefined,
      };
    },
    changed: (holder) => holders.push(holder),
    reread: () => (rereads += 1),
    everyRenewal: () => undefined,
    soon: (run) => run(),
    noAnswer: () => (noAnswers += 1),
  });
  return { holding, holders, rereads: () => rereads, noAnswers: () => noAnswers, tab: (mine) => tab(mine), tabTaken: () => taken };
}

const turn = async (): Promise<void> => {
  for (let count = 0; count < 12; count += 1) await Promise.resolve();
};

const inTime = (name: string, body: () => Promise<void>): void => {
  void test(name, async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      await body();
    } finally {
      mock.timers.reset();
    }
  });
};

inTime("whoever comes first writes at once and keeps renewing", async () => {
  const server = new Counter();
  const { holding, holders } = page(server.device("ward"));
  await turn();
  assert.deepEqual([holders, server.writer], [[{ kind: "here" }], "ward"]);
  mock.timers.tick(RENEWAL);
  await turn();
  assert.deepEqual([holders.length, server.asked], [1, 2]);
  holding.release();
  assert.equal(server.writer, null);
  mock.timers.tick(RENEWAL * 3);
  await turn();
  assert.equal(server.asked, 2);
});

inTime("a second device reads along until it takes the read over, and then sees what the record has", async () => {
  const server = new Counter();
  const ward = page(server.device("ward"));
  await turn();
  const home = page(server.device("home"));
  await turn();
  assert.deepEqual(home.holding.holder, { kind: "device", since: SINCE });
  assert.equal(home.rereads(), 0);
  home.holding.take();
  await turn();
  assert.deepEqual([home.rereads(), home.holding.holder.kind, server.writer], [1, "here", "home"]);
  // The first one hears of it when it renews, or when a write of it is refused.
  mock.timers.tick(RENEWAL);
  await turn();
  assert.deepEqual(ward.holding.holder, { kind: "device", since: SINCE });
});

inTime("a refused write makes it read-only at once, and says since when once the server has said so", async () => {
  const server = new Counter();
  const { holding, holders } = page(server.device("ward"));
  await turn();
  server.writer = "home";
  holding.refused();
  assert.deepEqual(holders.at(-1), { kind: "device", since: null });
  await turn();
  assert.deepEqual(holders.at(-1), { kind: "device", since: SINCE });
});

inTime("a device without a network goes on, and asks again", async () => {
  const server = new Counter();
  server.reachable = false;
  const { holding, noAnswers } = page(server.device("ward"));
  await turn();
  assert.deepEqual([holding.holder.kind, noAnswers()], ["here", 0]);
  server.reachable = true;
  mock.timers.tick(RENEWAL);
  await turn();
  assert.equal(server.writer, "ward");
});

inTime("taking over without a network says so and changes nothing", async () => {
  const server = new Counter();
  server.writer = "home";
  const { holding, noAnswers, rereads } = page(server.device("ward"));
  await turn();
  server.reachable = false;
  holding.take();
  await turn();
  assert.deepEqual([holding.holder.kind, noAnswers(), rereads()], ["device", 1, 0]);
});

inTime("between tabs of one browser the browser decides, and the lease goes along", async () => {
  const server = new Counter();
  const first = page(server.device("ward"));
  await turn();
  const second = page(server.device("ward"), false);
  await turn();
  assert.equal(second.holding.holder.kind, "tab");
  second.holding.take();
  first.tab(false);
  await turn();
  assert.deepEqual([second.tabTaken(), second.rereads(), first.holding.holder.kind, server.writer], [1, 1, "tab", "ward"]);
  first.holding.release();
  assert.equal(server.writer, "ward", "closing the tab that lost it lets nobody else in");
});
