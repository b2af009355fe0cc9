/** From case to case: the server chooses what comes next, so that a case somebody else has taken stops nobody. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { CaseFlow, type FlowHost } from "../src/reading/case-flow.ts";
import type { Session } from "../src/reading/session.ts";

type Answer = readonly [status: number, body: unknown];

const asked: [method: string, path: string, body: unknown][] = [];
const said: string[] = [];
let answers: Record<string, Answer> = {};

beforeEach(() => {
  asked.length = said.length = 0;
  Object.assign(globalThis, {
    window: new EventTarget(),
    document: { cookie: "csrftoken=t" },
    fetch: async (path: string, init: RequestInit) => {
      const key = `${init.method} ${path}`;
      asked.push([String(init.method), path, init.body === undefined ? undefined : JSON.parse(String(init.body))]);
      const answer = answers[key];
      if (answer === undefined) throw new TypeError(`nobody answers ${key}`);
      return new Response(JSON.stringify(answer[1]), { status: answer[0] });
    },
  });
});

afterEach(() => {
  answers = {};
});

/** Writes down what a person would be shown. */
const host = {
  device: "tab",
  dialogs: {
    close: () => said.push("closed"),
    notice: (notice: { title: string; lines: readonly string[] }, action?: { words: string }) =>
      said.push(`${notice.title}: ${notice.lines.join(" ")}${action ? ` [${action.words}]` : ""}`),
  },
  moment: { begin: () => said.push("covered"), cancel: () => said.push("uncovered"), tell: () => said.push("told") },
  enter: () => said.push("entered"),
  over: () => said.push("over"),
  askLogin: (sentence: string) => said.push(sentence),
  remark: (line: { words: string }) => said.push(`remark: ${line.words}`),
  lostToAnother: () => said.push("lost"),
} as unknown as FlowHost;

const session = {
  room: { caseId: 7, caseName: "P000007", readId: 70 },
  store: { outbox: { settle: async () => true, confirmedSeq: 3 } },
} as unknown as Session;

const NEXT = "POST /api/worklist/next";

test("what comes next is asked of the server, with the case that is done", async () => {
  answers = { [NEXT]: [200, { read: null, room: null }] };
  await new CaseFlow(host).goOn(session);
  assert.deepEqual(asked, [["POST", "/api/worklist/next", { after: 7 }]]);
  assert.deepEqual(said, ["covered", "uncovered", "Nothing is left: P000007 is locked. No other case waits for you. [To the worklist]"]);
});

test("a skip whose answer names a case does not open that one but whatever is free by now", async () => {
  answers = { "POST /api/cases/7/skip": [200, { next: 8 }], [NEXT]: [200, { read: null, room: null }] };
  await new CaseFlow(host).skip(session, "later", "");
  assert.deepEqual(asked.map(([method, path]) => `${method} ${path}`), ["POST /api/cases/7/skip", NEXT]);
  assert.ok(said.some((line) => line.startsWith("remark: P000007 is skipped")));
  assert.ok(said.at(-1)?.startsWith("Skipped: P000007 is skipped"));
});

test("a server that does not answer leaves a way to try again, one that refuses the way to the worklist", async () => {
  await new CaseFlow(host).goOn(session);
  assert.equal(said.at(-1), "The next case did not open: The server does not answer. [Try again]");
  answers = { [NEXT]: [422, { ok: false, code: "not_readable", sentence: "Your account does not read." }] };
  await new CaseFlow(host).goOn(session);
  assert.equal(said.at(-1), "The next case did not open: Your account does not read. [To the worklist]");
});

test("Enter twice on a read that is over claims one case, not two", async () => {
  answers = { [NEXT]: [200, { read: null, room: null }] };
  const flow = new CaseFlow(host);
  Object.assign(flow, { shown: 7 });
  flow.openNext();
  flow.openNext();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(asked, [["POST", "/api/worklist/next", { after: 7 }]]);
});
