import assert from "node:assert/strict";
import { test } from "node:test";

import { runCommand } from "../src/consensus/commands.ts";
import { Drafts } from "../src/consensus/drafts.ts";
import { Sitting } from "../src/consensus/sitting.ts";
import { stepOf } from "../src/consensus/step.ts";
import { lockProblem } from "../src/consensus/view/panel-dialogs.ts";
import { Writes } from "../src/consensus/writes.ts";
import { L1, L2, MemoryStorage, SOPS } from "./case.ts";
import { consensusData, fracture, negative, openSitting, SettlingServer, settledDown, StillScreen } from "./consensus.ts";

test("the most harmful difference comes first, at the slice in the middle of those that differ", () => {
  const { sitting } = openSitting();
  assert.equal(sitting.vertebra?.level, "L1");
  assert.deepEqual(sitting.asked.map(({ vertebra }) => vertebra.level), ["L1", "L2"]);
});

test("nothing is settled before a read was taken and a reason given, and the screen says what is missing", () => {
  const { sitting, server, said } = openSitting();
  runCommand("advance", sitting);
  assert.match(said.at(-1) ?? "", /Take A, take B, or neither/);
  runCommand("takeB", sitting);
  runCommand("advance", sitting);
  assert.match(said.at(-1) ?? "", /Say why they differ/);
  assert.equal(server.writes.length, 0);
});

test("B, a digit for the reason and Enter settle a difference and go to the next", async () => {
  const { sitting, server } = openSitting();
  for (const name of ["takeB", "digit2", "advance"] as const) runCommand(name, sitting);
  await settledDown();
  assert.deepEqual(server.settled[String(L1.id)], { took: "b", reason: "wedging", acuity: "unknown", teach: false, explanation: "" });
  assert.equal(sitting.vertebra?.level, "L2");
  assert.equal(sitting.settledCount, 1);
  assert.equal(sitting.writes.status.kind, "saved");
});

test("a fracture that is taken brings what its reader said of its age", () => {
  const { sitting } = openSitting();
  runCommand("takeA", sitting);
  assert.equal(sitting.choice.acuity, "acute");
  runCommand("takeB", sitting);
  assert.equal(sitting.choice.acuity, "unknown");
});

test("digits are AO types while the panel says a finding itself, and go back to the reasons by Enter or Y", async () => {
  const { sitting, server, screen } = openSitting();
  runCommand("neither", sitting);
  assert.equal(sitting.digits, "finding");
  screen.show(5);
  for (const name of ["fracture", "digit3", "restNegative"] as const) runCommand(name, sitting);
  assert.equal(sitting.result?.finding.ao_body, "A3");
  assert.equal(sitting.choice.reason, "");
  assert.equal(stepOf(sitting).words, "Next: why they differ");
  runCommand("advance", sitting);
  assert.equal(sitting.digits, "reasons");
  runCommand("digit1", sitting);
  assert.equal(sitting.choice.reason, "schmorl");
  assert.equal(sitting.result?.finding.ao_body, "A3");
  runCommand("advance", sitting);
  await settledDown();
  const [write] = server.writes;
  assert.ok(write?.kind === "settle" && write.took === "neither");
  assert.equal(write.finding?.ao_body, "A3");
  assert.deepEqual(write.finding?.slices[SOPS[5] as never], { value: "fracture", source: "key" });
});

test("what the panel says itself obeys the laws of every read: a fracture without a fractured slice is not settled", () => {
  const { sitting, said } = openSitting();
  for (const name of ["neither", "digit1", "reasons", "digit1", "advance"] as const) runCommand(name, sitting);
  assert.match(said.at(-1) ?? "", /none of its slices is marked/);
});

test("by slice asks only the slices on which the two differ, one after the other", () => {
  const { sitting, screen } = openSitting();
  runCommand("next", sitting);
  assert.equal(sitting.vertebra?.level, "L2");
  runCommand("bySlice", sitting);
  assert.deepEqual(sitting.undecided.map((sop) => SOPS.indexOf(sop)), [4, 5, 7, 8, 9]);
  while (sitting.undecided.length > 0) {
    assert.ok(sitting.undecided.includes(SOPS[screen.wanted] as never), "the slice on screen is one of them");
    runCommand(screen.wanted < 8 ? "fracture" : "negative", sitting);
  }
  runCommand("digit1", sitting);
  const slices = sitting.result?.finding.slices ?? {};
  const fractured = L2.sops.filter((sop) => slices[sop]?.value === "fracture").map((sop) => SOPS.indexOf(sop));
  assert.deepEqual(fractured, [4, 5, 6, 7]);
  assert.deepEqual(sitting.missing.map(({ part }) => part), ["reason"]);
});

test("by slice is offered only where both call it a fracture", () => {
  const { sitting, said } = openSitting();
  runCommand("bySlice", sitting);
  assert.equal(sitting.choice.took, null);
  assert.match(said.at(-1) ?? "", /both call it a fracture/);
});

test("Ctrl Z takes back a choice, then a settlement, and the choice is still there to be changed", async () => {
  const { sitting, server } = openSitting();
  for (const name of ["takeB", "digit2", "advance"] as const) runCommand(name, sitting);
  runCommand("takeA", sitting);
  runCommand("undo", sitting);
  assert.equal(sitting.choice.took, null);
  runCommand("undo", sitting);
  await settledDown();
  assert.equal(sitting.vertebra?.level, "L1");
  assert.equal(server.settled[String(L1.id)], undefined);
  assert.equal(sitting.settledCount, 0);
  assert.deepEqual([sitting.choice.took, sitting.choice.reason], ["b", "wedging"]);
});

test("a settled difference can be picked again, and undo settles it as before", async () => {
  const { sitting, server } = openSitting();
  for (const name of ["takeB", "digit2", "advance", "before", "takeA", "advance"] as const) runCommand(name, sitting);
  await settledDown();
  assert.equal(server.settled[String(L1.id)]?.took, "a");
  assert.equal(sitting.choiceOf(L1).acuity, "acute");
  for (const name of ["undo"] as const) runCommand(name, sitting);
  await settledDown();
  assert.equal(server.settled[String(L1.id)]?.took, "b");
});

test("a reload in the middle keeps what is settled, what is chosen, and where the panel was", async () => {
  const before = openSitting();
  for (const name of ["takeB", "digit2", "advance", "takeA"] as const) runCommand(name, before.sitting);
  await settledDown();
  const { sitting } = openSitting({ consensus: { ...before.sitting.data.json.consensus, seq: before.server.seq } }, before.server, before.storage);
  assert.equal(sitting.settledCount, 1);
  assert.equal(sitting.vertebra?.level, "L2");
  assert.equal(sitting.choice.took, "a");
});

test("a settlement that waits for the network counts as settled here, is said to wait, and is sent after a reload", async () => {
  const server = new SettlingServer();
  server.troubles = [{ kind: "unreachable" }];
  const before = openSitting({}, server);
  for (const name of ["takeB", "digit2", "advance"] as const) runCommand(name, before.sitting);
  await settledDown();
  assert.equal(before.sitting.writes.status.kind, "waiting");
  assert.equal(before.sitting.settledCount, 1);
  before.sitting.writes.close();
  const { sitting } = openSitting({}, server, before.storage);
  assert.equal(sitting.settledCount, 1);
  sitting.writes.kick();
  await settledDown();
  assert.equal(server.settled[String(L1.id)]?.took, "b");
  assert.equal(sitting.writes.pending.length, 0);
});

test("what was changed on another screen is never built upon: the queue is given back as lost", async () => {
  const { sitting, server } = openSitting();
  server.seq = 9;
  const lost: number[] = [];
  sitting.writes.events.on("conflict", (event) => lost.push(...event.lost.map(({ vertebra }) => vertebra)));
  for (const name of ["takeB", "digit2", "advance"] as const) runCommand(name, sitting);
  await settledDown();
  assert.deepEqual(lost, [L1.id]);
  assert.equal(sitting.settledCount, 0);
});

test("a queue from an earlier page is sent on the record as it was then, not on a later one", async () => {
  const server = new SettlingServer();
  server.troubles = [{ kind: "unreachable" }];
  const before = openSitting({}, server);
  for (const name of ["takeB", "digit2", "advance", "takeA", "digit1", "advance"] as const) runCommand(name, before.sitting);
  await settledDown();
  before.sitting.writes.close();
  server.seq = 8;
  const { sitting } = openSitting({ consensus: { ...before.sitting.data.json.consensus, seq: 8 } }, server, before.storage);
  const lost: number[] = [];
  sitting.writes.events.on("conflict", (event) => lost.push(...event.lost.map(({ vertebra }) => vertebra)));
  sitting.writes.kick();
  await settledDown();
  assert.deepEqual(lost, [L1.id, L2.id]);
});

test("an answer that was lost is asked for again as the same request, and the next one builds on it", async () => {
  const { sitting, server } = openSitting();
  const write = server.write.bind(server);
  let isFirst = true;
  server.write = async (request) => {
    const answer = await write(request);
    if (!isFirst) return answer;
    isFirst = false;
    return { kind: "session" };
  };
  for (const name of ["takeB", "digit2", "advance", "takeA", "digit1", "advance"] as const) runCommand(name, sitting);
  await settledDown();
  assert.equal(sitting.writes.status.kind, "waiting");
  sitting.writes.kick();
  await settledDown();
  assert.equal(sitting.writes.status.kind, "saved");
  assert.equal(server.seq, 5);
  assert.equal(server.writes[0]?.uuid, server.writes[1]?.uuid);
});

test("a locked consensus is read and not written", () => {
  const consensus = { id: 7, version: 1, state: "locked", seq: 5, locked_at: "2026-01-09T15:00:00Z", writable: false, target: "fracture", reopenable: true } as const;
  const { sitting, said } = openSitting({ consensus });
  runCommand("takeA", sitting);
  assert.equal(sitting.choice.took, null);
  assert.match(said.at(-1) ?? "", /locked/);
  assert.equal(stepOf(sitting).words, "Summary");
});

test("where one read is enough, only A can be taken, or something else said", () => {
  const { sitting, said } = openSitting({ letters: ["A"] });
  runCommand("takeB", sitting);
  assert.match(said.at(-1) ?? "", /There is no read B/);
  runCommand("advance", sitting);
  assert.match(said.at(-1) ?? "", /or say something else/);
});

test("where nothing differs, Enter goes straight to the lock", () => {
  const { sitting } = openSitting({ asked: [] });
  const opened: string[] = [];
  sitting.events.on("open", (panel) => opened.push(panel));
  assert.deepEqual([stepOf(sitting).words, sitting.allSettled], ["Lock the consensus", true]);
  runCommand("advance", sitting);
  assert.deepEqual(opened, ["summary"]);
});

test("neither read is touched by anything that is chosen", async () => {
  const { sitting } = openSitting();
  const before = JSON.stringify(sitting.data.json.reads);
  for (const name of ["neither", "negative", "indeterminate", "takeA", "digit1", "advance", "bySlice", "fracture"] as const) runCommand(name, sitting);
  await settledDown();
  assert.equal(JSON.stringify(sitting.data.json.reads), before);
  assert.deepEqual(sitting.data.states.B?.findings[L1.id], negative(L1));
  assert.deepEqual(sitting.data.states.A?.findings[L1.id], fracture(L1, "A1", [5, 6], { acuity: "acute" }));
});

const SETTLE_BOTH = ["takeB", "digit2", "advance", "takeA", "digit1", "advance"] as const;

test("a settled difference that was chosen otherwise since holds the lock up until it is settled again", async () => {
  const { sitting } = openSitting();
  for (const name of [...SETTLE_BOTH, "before", "takeA"] as const) runCommand(name, sitting);
  await settledDown();
  assert.deepEqual([sitting.settledCount, sitting.allSettled], [2, false]);
  assert.equal(lockProblem(sitting), "L1 was changed and not settled yet.");
  runCommand("next", sitting);
  assert.equal(stepOf(sitting).words, "Next difference");
  runCommand("advance", sitting);
  assert.equal(sitting.vertebra?.level, "L1");
  runCommand("advance", sitting);
  await settledDown();
  assert.deepEqual([lockProblem(sitting), sitting.allSettled], ["", true]);
});

test("what another screen was faster with lies in the drafts at once, and a reload finds it", async () => {
  const before = openSitting();
  before.server.seq = 9;
  for (const name of SETTLE_BOTH) runCommand(name, before.sitting);
  const arrived = before.sitting.writes.arrived();
  await settledDown();
  assert.equal(await arrived, false, "an empty queue is not a written one");
  assert.deepEqual([before.sitting.choiceOf(L1).reason, before.sitting.choiceOf(L2).took], ["wedging", "a"]);
  const { sitting } = openSitting({}, before.server, before.storage);
  assert.equal(sitting.settledCount, 0);
  assert.deepEqual([sitting.choiceOf(L1).took, sitting.choiceOf(L1).reason, sitting.choiceOf(L2).took], ["b", "wedging", "a"]);
});

test("a choice that is newer than the one that was lost stays", async () => {
  const { sitting, server } = openSitting();
  server.seq = 9;
  for (const name of ["takeB", "digit2", "advance", "before", "takeA", "digit1"] as const) runCommand(name, sitting);
  await settledDown();
  assert.equal(sitting.settledCount, 0);
  assert.deepEqual([sitting.choice.took, sitting.choice.reason], ["a", "schmorl"]);
});

/** A sitting whose writes the server refuses to know, while /api/me says what `isSame` says. */
function shutOut(isSame: boolean | null): { readonly sitting: Sitting; readonly storage: MemoryStorage } {
  const [server, storage, data] = [new SettlingServer(), new MemoryStorage(), consensusData()];
  server.troubles = [{ kind: "problem", status: 404, problem: { code: "not_found", sentence: "Not found." } }];
  const writes = new Writes({ server, storage, key: "queue", seq: 3, isSamePerson: async () => isSame });
  return { sitting: new Sitting(data, { writes, drafts: new Drafts(storage, "drafts"), screen: new StillScreen() as never }), storage };
}

test("who may not write here any more is told so, keeps the choices as drafts, and may leave the page", async () => {
  const { sitting, storage } = shutOut(true);
  for (const name of ["takeB", "digit2", "advance"] as const) runCommand(name, sitting);
  await settledDown();
  assert.deepEqual([sitting.writes.pending.length, sitting.writes.status.kind, storage.getItem("queue")], [0, "saved", null]);
  assert.deepEqual([sitting.writable, sitting.settledCount, sitting.choiceOf(L1).took], [false, 0, "b"]);
  assert.equal(lockProblem(sitting), "You no longer sit here, or you owe a read of this case. Your choices are kept.");
  assert.equal(new Drafts(storage, "drafts").of(L1.id)?.reason, "wedging");
});

test("where somebody else is logged in, or nobody knows who, the queue waits", async () => {
  for (const [isSame, why] of [[false, "forbidden"], [null, "network"]] as const) {
    const { sitting } = shutOut(isSame);
    for (const name of ["takeB", "digit2", "advance"] as const) runCommand(name, sitting);
    await settledDown();
    const { status } = sitting.writes;
    assert.ok(status.kind === "waiting" && status.why === why);
    assert.deepEqual([status.count, sitting.writable], [1, true]);
    sitting.writes.close();
  }
});
